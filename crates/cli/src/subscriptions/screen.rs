//! A terminal that is drawn over and over.

use std::fmt::Write as _;
use std::io;

use rustix::termios::{Winsize, tcgetwinsize};

use crate::output;

/// A screen beside the usual one, so that what was there comes back, and no cursor.
const OPEN: &str = "\u{1b}[?1049h\u{1b}[?25l";
const CLOSE: &str = "\u{1b}[?25h\u{1b}[?1049l";

/// The terminal shows what comes between the two at once, if it knows how.
const BEGIN: &str = "\u{1b}[?2026h";
const END: &str = "\u{1b}[?2026l";

/// The cursor to the first place.
const HOME: &str = "\u{1b}[H";

/// Empties the rest of a line, and what is below. Nothing is emptied before it is written again:
/// that would flicker.
const REST_OF_LINE: &str = "\u{1b}[K";
const BELOW: &str = "\u{1b}[J";

/// What is taken for the size of a terminal that does not tell it.
const SIZE: (usize, usize) = (80, 24);

/// The terminal that standard output is; it is as it was when this is dropped.
#[derive(Debug)]
pub(super) struct Screen;

impl Screen {
    /// Takes the terminal over.
    ///
    /// # Errors
    /// When it cannot be written to.
    pub(super) fn open() -> io::Result<Self> {
        output::print(OPEN)?;
        Ok(Self)
    }

    /// Shows lines in the place of those before.
    ///
    /// # Errors
    /// When the terminal cannot be written to.
    pub(super) fn draw(&self, text: &str) -> io::Result<()> {
        output::print(&frame(text, size()))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // A terminal that is gone needs no tidying.
        let _ = output::print(CLOSE);
    }
}

/// Columns and lines of the terminal, asked each time since people change them.
fn size() -> (usize, usize) {
    match tcgetwinsize(io::stdout()) {
        Ok(Winsize {
            ws_col: columns @ 1..,
            ws_row: lines @ 1..,
            ..
        }) => (usize::from(columns), usize::from(lines)),
        Ok(_) | Err(_) => SIZE,
    }
}

/// What draws these lines: cut to the terminal, since one that is wrapped or scrolled would move
/// the others.
fn frame(text: &str, (columns, lines): (usize, usize)) -> String {
    let mut frame = format!("{BEGIN}{HOME}");
    let all = text.lines().count();
    let fitting = if all > lines { lines - 1 } else { all };
    for (nth, line) in text.lines().take(fitting).enumerate() {
        if nth > 0 {
            frame.push_str("\r\n");
        }
        frame.extend(line.chars().take(columns));
        frame.push_str(REST_OF_LINE);
    }
    if fitting < all {
        let more: String = format!("… {} more", all - fitting)
            .chars()
            .take(columns)
            .collect();
        let start = if fitting > 0 { "\r\n" } else { "" };
        let _ = write!(frame, "{start}{more}{REST_OF_LINE}");
    }
    frame.push_str(BELOW);
    frame.push_str(END);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a terminal of this size shows, as far as it knows what is written here.
    fn shown(frame: &str) -> Vec<String> {
        let mut text = frame.to_owned();
        for code in [BEGIN, END, HOME, REST_OF_LINE, BELOW] {
            text = text.replace(code, "");
        }
        text.split("\r\n").map(str::to_owned).collect()
    }

    #[test]
    fn lines_are_cut_to_the_terminal_and_what_is_missing_is_told() {
        let text =
            "Subscription  Stream\nBooks         shop\nOrders        shop\nNotes         shop\n";
        assert_eq!(shown(&frame(text, (80, 24))).len(), 4);
        assert_eq!(
            shown(&frame(text, (8, 3))),
            ["Subscrip", "Books   ", "… 2 more"]
        );
        assert_eq!(shown(&frame(text, (8, 4))).len(), 4);
        assert_eq!(shown(&frame(text, (3, 1))), ["… 4"]);
    }

    #[test]
    fn nothing_is_emptied_before_it_is_written_again() {
        let drawn = frame("a\nb\n", (80, 24));
        assert_eq!(
            drawn,
            format!("{BEGIN}{HOME}a{REST_OF_LINE}\r\nb{REST_OF_LINE}{BELOW}{END}")
        );
    }
}
