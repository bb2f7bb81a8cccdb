//! What an import shows on a terminal, and how it is stopped there.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use crate::imports::{IMPORT, write_books};
use crate::pty;
use crate::shop::{Shop, wait_until};

/// The columns and rows of the terminal.
const SIZE: (u16, u16) = (120, 24);

/// What the interrupt key sends.
const INTERRUPT: &[u8] = b"\x03";

/// What is said when it was heard.
const HEARD: &str = "Stopping with what is in hand";

/// A terminal on which a program runs.
struct Terminal {
    keys: File,
    shown: Arc<Mutex<String>>,
    program: Child,
}

impl Terminal {
    /// Starts a program, whose terminal it is: its keys send signals.
    fn start(shop: &Shop, line: &str) -> Self {
        let (keys, screen) = pty::open(SIZE);
        let program = spawn(shop, line, &screen);
        let shown = Arc::new(Mutex::new(String::new()));
        watch(keys.try_clone().unwrap(), shown.clone());
        let keys = File::from(keys);
        Self {
            keys,
            shown,
            program,
        }
    }

    fn shown(&self) -> String {
        self.shown.lock().unwrap().clone()
    }

    fn wait_for(&self, what: &str) {
        wait_until(what, || self.shown().contains(what));
    }

    fn press(&mut self, keys: &[u8]) {
        self.keys.write_all(keys).unwrap();
    }

    fn exit_code(&mut self) -> Option<i32> {
        self.program.wait().unwrap().code()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

/// Starts a program in a session of its own, with this terminal.
fn spawn(shop: &Shop, line: &str, screen: &File) -> Child {
    let plain = shop.command(line);
    let end = || Stdio::from(screen.try_clone().unwrap());
    Command::new("setsid")
        .arg("--ctty")
        .arg(plain.get_program())
        .args(plain.get_args())
        .current_dir(shop.path())
        .env("TERM", "xterm")
        .env_remove("PROTEAN_ENV")
        .env_remove("PROTEAN_DOMAIN")
        .stdin(end())
        .stdout(end())
        .stderr(end())
        .spawn()
        .unwrap()
}

/// Keeps what is shown; ends when the last program on the terminal has.
fn watch(screen: OwnedFd, shown: Arc<Mutex<String>>) {
    let mut screen = File::from(screen);
    std::thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(count @ 1..) = screen.read(&mut bytes) {
            let text = String::from_utf8_lossy(&bytes[..count]);
            shown.lock().unwrap().push_str(&text);
        }
    });
}

#[test]
fn l9_an_import_shows_a_bar_and_goes_on_where_it_was_interrupted() {
    let shop = Shop::new();
    write_books(&shop, 20_000);
    let line = format!("{IMPORT} --rejects bad.csv");
    let mut terminal = Terminal::start(&shop, &format!("{line} --rate 2000"));
    for part in ["%  ", " accepted, ", " handled, ", "/s  "] {
        terminal.wait_for(part);
    }
    terminal.press(INTERRUPT);
    assert_eq!(terminal.exit_code(), Some(1));
    terminal.wait_for("[PE0896] interrupted: the import books is done with ");
    terminal.wait_for(" rows; the same line goes on there");
    assert!(terminal.shown().contains(HEARD), "{}", terminal.shown());
    let rows = shop.count("SELECT row_count FROM protean_import");
    let accepted = shop.count("SELECT count(*) FROM protean_message");
    // What was in hand was written to its end, and written down.
    assert!((1..20_000).contains(&rows), "{rows}");
    assert_eq!(accepted, rows - rows / 100);

    let output = shop.run(&line);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(
        told.starts_with("Import books finished: 19,800 accepted, 0 duplicates, 200 rejected."),
        "{told}"
    );
    assert_eq!(shop.count("SELECT count(*) FROM protean_message"), 19_800);
}

#[test]
fn a_second_interrupt_ends_an_import_at_once() {
    let shop = Shop::new();
    write_books(&shop, 20_000);
    let mut terminal = Terminal::start(&shop, &format!("{IMPORT} --rate 1000"));
    terminal.wait_for(" accepted, ");
    // It stands still, so that nothing but the second one ends it soon.
    shop.succeed("bookshelf imports pause books");
    terminal.wait_for("The import is paused; `imports resume books` goes on.");
    terminal.press(INTERRUPT);
    terminal.wait_for(HEARD);
    terminal.press(INTERRUPT);
    assert_eq!(terminal.exit_code(), Some(130));
}

#[test]
fn a_paused_import_is_interrupted_without_being_resumed() {
    let shop = Shop::new();
    write_books(&shop, 20_000);
    let mut terminal = Terminal::start(&shop, &format!("{IMPORT} --rate 1000"));
    terminal.wait_for(" accepted, ");
    shop.succeed("bookshelf imports pause books");
    terminal.wait_for("The import is paused");
    terminal.press(INTERRUPT);
    assert_eq!(terminal.exit_code(), Some(1));
    terminal.wait_for("the same line goes on there");
}
