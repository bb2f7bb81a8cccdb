//! What a command prints: text for people, or one JSON envelope for programs.

use std::io::{self, Write};
use std::process::ExitCode;

use serde::Serialize;
use serde_json::Value;

use crate::Error;

/// The version of the JSON envelope.
const VERSION: u32 = 1;

/// For whom is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// People.
    Text,
    /// Programs.
    Json,
}

/// What a command found.
#[derive(Debug, Default)]
pub struct Report {
    /// For people: lines, each with its end.
    pub(crate) text: String,
    /// For programs.
    pub(crate) data: Value,
}

#[derive(Serialize)]
struct Envelope<'a> {
    version: u32,
    status: &'static str,
    data: &'a Value,
    diagnostics: Vec<Diagnostic>,
}

#[derive(Serialize)]
struct Diagnostic {
    severity: &'static str,
    code: Option<String>,
    message: String,
}

/// Prints what a command found.
pub(crate) fn report(format: Format, report: &Report) -> ExitCode {
    found(format, report, ("pass", ExitCode::SUCCESS))
}

/// Prints what a command found, of which not all is well.
pub(crate) fn findings(format: Format, report: &Report) -> ExitCode {
    found(format, report, ("fail", ExitCode::FAILURE))
}

fn found(format: Format, report: &Report, (status, code): (&'static str, ExitCode)) -> ExitCode {
    let text = match format {
        Format::Text => report.text.clone(),
        Format::Json => envelope(status, &report.data, Vec::new()),
    };
    match print(&text) {
        Ok(()) => code,
        Err(error) => self::error(Format::Text, &Error::Output(error)),
    }
}

/// Prints why a command found nothing.
pub(crate) fn error(format: Format, error: &Error) -> ExitCode {
    let code = error.exit_code();
    let (report, findings) = match error {
        Error::Findings { report, findings } => (Some(report), findings.clone()),
        other => (None, vec![other.to_string()]),
    };
    let status = if code == 1 { "fail" } else { "error" };
    let text = match (format, report) {
        (Format::Text, report) => report.map(|report| report.text.clone()),
        (Format::Json, report) => {
            let data = report.map_or(&Value::Null, |report| &report.data);
            let all = findings.iter().map(|finding| diagnostic(finding));
            Some(envelope(status, data, all.collect()))
        }
    };
    let printed = text.is_some_and(|text| print(&text).is_ok());
    if format == Format::Text || !printed {
        for finding in findings {
            // Nobody is left to tell when this fails too.
            let _ = writeln!(io::stderr(), "error: {finding}");
        }
    }
    ExitCode::from(code)
}

/// Says something on standard error that is no error, and nothing that was asked for.
pub(crate) fn note(text: &str) {
    // Nobody is left to tell when this fails.
    let _ = writeln!(io::stderr(), "{text}");
}

/// One line of JSON.
pub(crate) fn envelope_line(data: &Value) -> String {
    envelope("pass", data, Vec::new())
}

fn envelope(status: &'static str, data: &Value, diagnostics: Vec<Diagnostic>) -> String {
    let envelope = Envelope {
        version: VERSION,
        status,
        data,
        diagnostics,
    };
    // Values and texts always have a JSON form.
    let mut line = serde_json::to_string(&envelope).unwrap_or_default();
    line.push('\n');
    line
}

/// The code that starts every message of the framework, apart from the rest.
fn diagnostic(message: &str) -> Diagnostic {
    let parts = message
        .strip_prefix('[')
        .and_then(|rest| rest.split_once("] "));
    let (code, message) = match parts {
        Some((code, message)) => (Some(code.to_owned()), message),
        None => (None, message),
    };
    Diagnostic {
        severity: "error",
        code,
        message: message.to_owned(),
    }
}

/// Writes to standard output at once. A reader that has gone away has read enough.
///
/// # Errors
/// When standard output cannot be written to.
pub(crate) fn print(text: &str) -> io::Result<()> {
    show(text).map(drop)
}

/// The same; whether the reader is still there.
///
/// # Errors
/// When standard output cannot be written to.
pub(crate) fn show(text: &str) -> io::Result<bool> {
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        other => other.map(|()| true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_envelope_separates_code_and_message() {
        let line = envelope(
            "fail",
            &Value::Null,
            vec![diagnostic("[PE0502] no letter 7")],
        );
        assert_eq!(
            line,
            "{\"version\":1,\"status\":\"fail\",\"data\":null,\"diagnostics\":[{\"severity\":\
             \"error\",\"code\":\"PE0502\",\"message\":\"no letter 7\"}]}\n"
        );
        assert_eq!(diagnostic("plain").code, None);
    }
}
