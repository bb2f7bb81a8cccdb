//! How far an import is: a bar on a terminal, lines elsewhere, and events for programs.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use protean_core::app::import::{Handled, Record};
use protean_core::port::imports::{Progress, State};
use protean_import::Meter;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::output;
use crate::{grouped, span};

/// A line is printed whenever so many more rows are done.
const ROWS_PER_LINE: u64 = 10_000;

/// Between two events of progress: enough for any screen, and not too much for a log.
const EVENT_INTERVAL: Duration = Duration::from_secs(1);

/// Rejected rows that are told one by one where there is no file for them: more is for a file.
const REJECTED_MAX: u64 = 100;

/// How an import is shown.
enum Form {
    Bar(ProgressBar),
    Lines { told: u64 },
    Events { last: Option<Instant> },
}

/// How far an import is.
pub(super) struct Screen {
    form: Form,
    name: String,
    meter: Arc<Meter>,
    handled: watch::Receiver<Handled>,
    rejected: u64,
}

impl Screen {
    /// A bar on a terminal, and lines elsewhere.
    pub(super) fn for_people(
        name: String,
        meter: Arc<Meter>,
        handled: watch::Receiver<Handled>,
    ) -> Self {
        let form = match io::stderr().is_terminal() {
            true => Form::Bar(bar(meter.bytes_total())),
            false => Form::Lines { told: 0 },
        };
        Self::of(form, name, meter, handled)
    }

    /// Events, one JSON object on each line.
    pub(super) fn for_programs(
        name: String,
        meter: Arc<Meter>,
        handled: watch::Receiver<Handled>,
    ) -> Self {
        Self::of(Form::Events { last: None }, name, meter, handled)
    }

    const fn of(
        form: Form,
        name: String,
        meter: Arc<Meter>,
        handled: watch::Receiver<Handled>,
    ) -> Self {
        Self {
            form,
            name,
            meter,
            handled,
            rejected: 0,
        }
    }

    pub(super) fn begins(&mut self, import: &Record) {
        let rows = import.progress.rows;
        match &mut self.form {
            Form::Events { .. } => event("started", &json!({"name": self.name, "rows": rows})),
            _ if import.state == State::Paused => {}
            Form::Lines { told } => *told = rows - rows % ROWS_PER_LINE,
            Form::Bar(_) => {}
        }
        if rows > 0 && import.state == State::Running {
            self.say(&format!(
                "The import {} goes on after {} rows.",
                self.name,
                grouped(rows)
            ));
        }
    }

    pub(super) fn rejected(&mut self, line: u64, reason: &str) {
        self.rejected += 1;
        if self.rejected > REJECTED_MAX {
            return;
        }
        if let Form::Events { .. } = self.form {
            return event("rejected", &json!({"line": line, "reason": reason}));
        }
        self.say(&format!("line {line}: {reason}"));
        if self.rejected == REJECTED_MAX {
            self.say("More rejected rows are not told here; `--rejects FILE` keeps them all.");
        }
    }

    pub(super) fn advanced(&mut self, progress: &Progress) {
        let handled = *self.handled.borrow();
        let bytes = self.meter.bytes_read();
        match &mut self.form {
            Form::Bar(bar) => {
                bar.set_position(bytes);
                bar.set_message(counts(progress, handled));
            }
            Form::Lines { told } => {
                if *told + ROWS_PER_LINE <= progress.rows {
                    *told = progress.rows - progress.rows % ROWS_PER_LINE;
                    let line = format!("Progress: {} rows", grouped(*told));
                    self.say(&line);
                }
            }
            Form::Events { last } => {
                if last.is_none_or(|last| last.elapsed() >= EVENT_INTERVAL) {
                    *last = Some(Instant::now());
                    event("progress", &of_progress(progress, handled));
                }
            }
        }
    }

    /// So much of it has taken effect, now that all of it is accepted.
    pub(super) fn waits(&mut self, progress: &Progress, handled: Handled) {
        match &mut self.form {
            Form::Bar(bar) => bar.set_message(counts(progress, handled)),
            Form::Lines { .. } => {}
            Form::Events { last } => {
                if last.is_none_or(|last| last.elapsed() >= EVENT_INTERVAL) {
                    *last = Some(Instant::now());
                    event("waiting", &of_progress(progress, handled));
                }
            }
        }
    }

    pub(super) fn asked(&mut self, state: State) {
        if let Form::Events { .. } = self.form {
            return event(state.name(), &json!({"name": self.name}));
        }
        let name = &self.name;
        let line = match state {
            State::Paused => format!("The import is paused; `imports resume {name}` goes on."),
            State::Running => "The import is resumed.".to_owned(),
            state => format!("The import is {state}."),
        };
        self.say(&line);
    }

    /// Takes the bar away.
    pub(super) fn end(&self) {
        if let Form::Bar(bar) = &self.form {
            bar.finish_and_clear();
        }
    }

    /// A line on standard error, for people.
    fn say(&self, line: &str) {
        self.voice().say(line);
    }

    /// What says lines, to be used elsewhere.
    pub(super) fn voice(&self) -> Voice {
        match &self.form {
            Form::Bar(bar) => Voice::Above(bar.clone()),
            Form::Lines { .. } => Voice::Plain,
            Form::Events { .. } => Voice::Silent,
        }
    }
}

/// What says lines to people.
pub(super) enum Voice {
    /// Above a bar.
    Above(ProgressBar),
    Plain,
    /// There are programs that listen, and no people.
    Silent,
}

impl Voice {
    /// Says a line on standard error.
    pub(super) fn say(&self, line: &str) {
        // Nobody is left to tell when that fails.
        let tell = || {
            let _ = writeln!(io::stderr(), "{line}");
        };
        match self {
            Self::Above(bar) => bar.suspend(tell),
            Self::Plain => tell(),
            Self::Silent => {}
        }
    }
}

fn bar(bytes: Option<u64>) -> ProgressBar {
    let bar = bytes.map_or_else(ProgressBar::no_length, ProgressBar::new);
    let template = "{wide_bar} {percent}%  {msg}  {rate}/s  {rest}";
    let style = ProgressStyle::with_template(template);
    if let Ok(style) = style {
        let rest = |state: &indicatif::ProgressState, text: &mut dyn std::fmt::Write| {
            // A bar that lacks a number is still a bar.
            let _ = text.write_str(&span(state.eta()));
        };
        let rate = |state: &indicatif::ProgressState, text: &mut dyn std::fmt::Write| {
            let bytes = indicatif::HumanBytes(per_second(state)).to_string();
            let _ = text.write_str(&bytes);
        };
        bar.set_style(style.with_key("rest", rest).with_key("rate", rate));
    }
    bar
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate of bytes is positive and far below 2^52"
)]
fn per_second(state: &indicatif::ProgressState) -> u64 {
    state.per_sec().round() as u64
}

fn counts(progress: &Progress, handled: Handled) -> String {
    format!(
        "{} accepted, {} rejected, {} handled, {} projected",
        grouped(progress.accepted),
        grouped(progress.rejected),
        grouped(handled.handled),
        grouped(handled.projected)
    )
}

fn of_progress(progress: &Progress, handled: Handled) -> Value {
    json!({
        "rows": progress.rows,
        "accepted": progress.accepted,
        "duplicates": progress.duplicates,
        "rejected": progress.rejected,
        "handled_min": handled.handled,
        "projected_min": handled.projected,
    })
}

/// One line of JSON that is not the last.
fn event(name: &str, data: &Value) {
    let line = json!({"event": name, "data": data});
    // The report at the end tells when that fails.
    let _ = output::print(&format!("{line}\n"));
}
