//! How far an import is: a bar on a terminal, lines elsewhere.

use std::fmt;
use std::io::{self, IsTerminal as _};

use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use protean::cli::grouped;

use super::run::Observer;
use super::{Rejection, say, tell};

/// A line is printed whenever so many more rows are done.
const ROWS_PER_LINE: u64 = 10_000;

/// How far an import is.
pub(super) enum Progress {
    Bar(ProgressBar),
    Lines { rows: u64, told: u64 },
}

impl Progress {
    /// A bar when standard error is a terminal, lines when it is not.
    pub(super) fn new(rows: u64) -> Self {
        if !io::stderr().is_terminal() {
            return Self::Lines { rows, told: 0 };
        }
        let bar = ProgressBar::new(rows);
        let template = "{wide_bar} {human_pos} / {human_len}  {rows_per_second} rows/s  {eta}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.with_key("rows_per_second", rows_per_second));
        }
        Self::Bar(bar)
    }

    /// Takes the bar away.
    pub(super) fn end(&self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate of rows is positive and far below 2^52"
)]
fn rows_per_second(state: &ProgressState, text: &mut dyn fmt::Write) {
    // A bar that lacks a number is still a bar.
    let _ = text.write_str(&grouped(state.per_sec().round() as u64));
}

impl Observer for Progress {
    fn advanced(&mut self, done: u64) {
        match self {
            Self::Bar(bar) => bar.set_position(done),
            Self::Lines { rows, told } => {
                while *told + ROWS_PER_LINE <= done {
                    *told += ROWS_PER_LINE;
                    say(&format!(
                        "Progress: {} / {}",
                        grouped(*told),
                        grouped(*rows)
                    ));
                }
            }
        }
    }

    fn rejected(&mut self, rejection: &Rejection) {
        let line = format!("line {}: {}", rejection.line, rejection.reason);
        match self {
            Self::Bar(bar) => bar.suspend(|| tell(&line)),
            Self::Lines { .. } => tell(&line),
        }
    }
}
