//! What is seen while the import runs.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use protean::cli::Status;

/// Between two tables where old ones cannot be written over.
const TABLE_INTERVAL: Duration = Duration::from_secs(2);

/// The status table, written over itself on a terminal.
pub(super) struct Screen {
    is_terminal: bool,
    /// Lines of the table that is on the screen.
    height: usize,
    last: Option<Instant>,
}

impl Screen {
    pub(super) fn new() -> Self {
        Self {
            is_terminal: io::stdout().is_terminal(),
            height: 0,
            last: None,
        }
    }

    /// Shows the table.
    pub(super) fn show(&mut self, status: &Status) {
        let text = status.to_string();
        if self.is_terminal {
            self.write(&text);
            self.height = text.lines().count();
        } else if self
            .last
            .is_none_or(|last| last.elapsed() >= TABLE_INTERVAL)
        {
            self.write(&format!("{text}\n"));
            self.last = Some(Instant::now());
        }
    }

    /// Writes where the table is, if there is one.
    fn write(&self, text: &str) {
        let back = match self.height {
            0 => String::new(),
            // Up to the table's first line, and away with all below.
            height => format!("\u{1b}[{height}A\u{1b}[J"),
        };
        // Nobody is left to tell when this fails.
        let mut out = io::stdout();
        let _ = out
            .write_all(format!("{back}{text}").as_bytes())
            .and_then(|()| out.flush());
    }
}
