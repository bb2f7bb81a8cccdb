//! `server --check`: whether a server could run.

use std::time::Duration;

use protean_core::domain::Domain;
use protean_core::{App, port};
use serde_json::json;

use crate::Error;
use crate::output::Report;

/// How long store and broker may take to answer: longer than a connection may take to be made.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);

/// What is looked at, once the configuration is known to be right.
#[derive(Debug, Default)]
struct Checked {
    lines: Vec<(&'static str, String)>,
    findings: Vec<String>,
}

impl Checked {
    fn good(&mut self, what: &'static str, text: impl Into<String>) {
        self.lines.push((what, text.into()));
    }

    fn bad(&mut self, what: &'static str, error: &impl ToString) {
        self.lines.push((what, "not as it has to be".to_owned()));
        self.findings.push(error.to_string());
    }

    fn result(self) -> Result<Report, Error> {
        let text = self.lines.iter();
        let report = Report {
            text: text
                .map(|(what, text)| format!("{what}: {text}\n"))
                .collect(),
            data: json!(
                self.lines
                    .iter()
                    .map(|(what, text)| json!({"what": what, "found": text}))
                    .collect::<Vec<_>>()
            ),
        };
        match self.findings.is_empty() {
            true => Ok(report),
            false => Err(Error::Findings {
                report,
                findings: self.findings,
            }),
        }
    }
}

/// Looks at everything that a server needs, and changes nothing: what the file of the embedded tier
/// lacks was made when it was opened.
///
/// # Errors
/// What has to be done first, all at once.
pub(super) async fn check<D: Domain>(app: &App<D>) -> Result<Report, Error> {
    let mut checked = Checked::default();
    checked.good("configuration", "ok");
    match in_time(app.tier().broker.reach()).await {
        Ok(()) => checked.good("connections", "ok"),
        Err(error) => checked.bad("connections", &error),
    }
    let tables = app.tier().tables.missing(app.registry().tables());
    match in_time(tables).await {
        Ok(missing) if missing.is_empty() => checked.good("tables", "ok"),
        Ok(missing) => {
            let all = missing.join(", ");
            checked.good("tables", format!("the server would make them: {all}"));
        }
        Err(error) => checked.bad("tables", &error),
    }
    checked.good("processors", super::machine::processors());
    checked.result()
}

async fn in_time<T>(asked: impl Future<Output = Result<T, port::Error>>) -> Result<T, port::Error> {
    let answer = tokio::time::timeout(ANSWER_TIMEOUT, asked).await;
    answer.unwrap_or_else(|_| {
        Err(port::Error::Unavailable {
            what: "the store or the broker".to_owned(),
            why: format!("no answer within {ANSWER_TIMEOUT:?}"),
        })
    })
}
