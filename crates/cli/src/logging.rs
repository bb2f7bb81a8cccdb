//! What a server says about itself, on standard error.

use std::io::IsTerminal;

use clap::{Args, ValueEnum};
use protean_server::Payloads;
use tracing_subscriber::EnvFilter;

/// The variable that picks what is logged, part by part, as in `info,protean_server=debug`.
const VARIABLE: &str = "PROTEAN_LOG";

/// How a server logs.
#[derive(Clone, Debug, Args)]
pub(crate) struct Logging {
    /// The form of a line of the log
    #[arg(long, value_enum, default_value_t = Form::Console)]
    log_format: Form,
    /// The least severe messages that are logged; `PROTEAN_LOG` goes before it
    #[arg(long, value_enum, default_value_t = Level::Warn)]
    log_level: Level,
    /// Log what messages say, too, in the lines about single messages (debug and failures)
    #[arg(long)]
    log_payloads: bool,
}

/// The form of a line of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// For people.
    #[value(alias = "text")]
    Console,
    /// For programs: an object each.
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Level {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl Level {
    const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

impl Logging {
    /// Whether what messages say is logged.
    pub(crate) const fn payloads(&self) -> Payloads {
        if self.log_payloads {
            Payloads::Logged
        } else {
            Payloads::Withheld
        }
    }

    /// The form of a line.
    pub(crate) const fn form(&self) -> Form {
        self.log_format
    }
}

/// Starts to log. An application that logs in its own way already keeps it.
pub(crate) fn start(logging: &Logging) {
    let filter = EnvFilter::try_from_env(VARIABLE)
        .unwrap_or_else(|_| EnvFilter::new(logging.log_level.name()));
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let _ = match logging.log_format {
        Form::Console => lines.try_init(),
        Form::Json => lines.json().flatten_event(true).try_init(),
    };
}
