//! A status that is watched on a terminal.

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};

use crate::pty::{self, resize};
use crate::shop::{PATIENCE, Shop};

/// What the program says to the terminal, apart from text.
const OPEN: &str = "\u{1b}[?1049h\u{1b}[?25l";
const CLOSE: &str = "\u{1b}[?25h\u{1b}[?1049l";
const BEGIN: &str = "\u{1b}[?2026h\u{1b}[H";
const END: &str = "\u{1b}[J\u{1b}[?2026l";
const REST_OF_LINE: &str = "\u{1b}[K";

/// A program on a terminal of its own.
struct Terminal {
    keyboard: OwnedFd,
    child: Child,
    output: Receiver<Vec<u8>>,
    /// What was written and not looked at yet.
    seen: String,
}

impl Terminal {
    fn start(shop: &Shop, line: &str, size: (u16, u16)) -> Self {
        let (keyboard, screen) = pty::open(size);
        let mut reader = File::from(keyboard.try_clone().unwrap());
        let child = shop
            .command(line)
            .stdout(screen)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (sender, output) = channel();
        std::thread::spawn(move || {
            let mut bytes = [0; 4_096];
            // Its end is an error on some systems.
            while let Ok(count @ 1..) = reader.read(&mut bytes) {
                if sender.send(bytes[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self {
            keyboard,
            child,
            output,
            seen: String::new(),
        }
    }

    /// What is written up to and with these words.
    fn until(&mut self, words: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        let mut bytes = std::mem::take(&mut self.seen).into_bytes();
        loop {
            // What is not text yet may become it.
            let text = String::from_utf8_lossy(&bytes).into_owned();
            if let Some(at) = text.find(words) {
                let (found, rest) = text.split_at(at + words.len());
                rest.clone_into(&mut self.seen);
                return found.to_owned();
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.output.recv_timeout(left) {
                Ok(more) => bytes.extend(more),
                Err(_) => panic!("{words:?} was not written: {text:?}"),
            }
        }
    }

    /// The lines of the next picture that is drawn.
    fn picture(&mut self) -> Vec<String> {
        // A terminal has begun each line anew, whether it was asked to or not.
        let drawn = self.until(END).replace("\r\r\n", "\r\n");
        let (before, drawn) = drawn.split_once(BEGIN).unwrap();
        assert!(
            before.is_empty() || before == OPEN,
            "between two pictures nothing is written: {before:?}"
        );
        let lines = drawn.trim_end_matches(END).split("\r\n").map(|line| {
            let text = line.strip_suffix(REST_OF_LINE).unwrap();
            assert!(!text.contains('\u{1b}'), "{text:?}");
            text.to_owned()
        });
        lines.collect()
    }

    /// The lines of the first picture with this many of them at most, none of them longer.
    fn picture_of(&mut self, (columns, rows): (usize, usize)) -> Vec<String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let lines = self.picture();
            let fits = lines.iter().all(|line| line.chars().count() <= columns);
            if fits && lines.len() <= rows {
                return lines;
            }
            assert!(Instant::now() < deadline, "it does not fit: {lines:?}");
        }
    }
}

#[test]
fn a_watched_status_is_drawn_in_its_place_and_leaves_the_terminal_as_it_was() {
    let shop = Shop::new();
    shop.write_catalog(2);
    shop.succeed("import_vintage_press catalog.csv");
    let line = "bookshelf subscriptions status --watch";
    let mut terminal = Terminal::start(&shop, line, (200, 40));
    let wide = terminal.picture();
    assert!(wide[0].ends_with("Backfill"), "{wide:?}");
    assert!(wide[1].starts_with("BookCommandHandler"), "{wide:?}");
    assert!(
        wide.last().unwrap().starts_with("no server is running: "),
        "{wide:?}"
    );
    let again = terminal.picture();
    assert_eq!((&again[0], again.len()), (&wide[0], wide.len()));

    resize(&terminal.keyboard, (30, 4));
    let small = terminal.picture_of((30, 4));
    assert_eq!(small[0], wide[0].chars().take(30).collect::<String>());
    let hidden = format!("… {} more", wide.len() - 3);
    assert_eq!(small[3], hidden);
    resize(&terminal.keyboard, (200, 40));
    while terminal.picture()[0] != wide[0] {}

    let id = Pid::from_raw(i32::try_from(terminal.child.id()).unwrap()).unwrap();
    kill_process(id, Signal::INT).unwrap();
    // A picture may have been under way.
    let end = terminal.until(CLOSE);
    assert!(!end.contains(OPEN), "{end:?}");
    let status = terminal.child.wait().unwrap();
    assert_eq!((status.code(), status.signal()), (Some(0), None));
    let last = terminal.until("OrderSummaryProjector");
    assert!(last.starts_with("Subscription"), "what stays is the status");
}
