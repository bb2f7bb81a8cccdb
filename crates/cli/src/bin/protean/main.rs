//! `protean`: finds the program of a domain and becomes it.
//!
//! Every application carries the framework's commands in its own program, for only that knows its
//! handlers. This launcher takes `--domain NAME` (or `PROTEAN_DOMAIN`) out of its arguments, finds
//! that program, and hands it all the rest.

mod arguments;
mod find;
mod workspace;

use std::io::Write as _;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use arguments::Arguments;

/// The exit codes of the command line: arguments that make no sense, and a domain that cannot be
/// started.
const EXIT_USAGE: u8 = 2;
const EXIT_CANNOT_START: u8 = 3;

const HELP: &str = "\
Usage: protean COMMAND --domain NAME [OPTIONS]

  server                 handle the messages of every subscription
  subscriptions status   see how much every subscription has before it
  dlq                    see, replay or forget the messages that subscriptions gave up
  events                 read the messages of a stream, or all that one request caused
  db                     make, drop or empty the tables

NAME, which may also stand in PROTEAN_DOMAIN, is the path of the domain's program, the name of a
program of the Cargo workspace around the current folder, or that of a program on PATH. The program
knows its commands best: `protean COMMAND --domain NAME --help`.
";

fn main() -> ExitCode {
    let arguments = Arguments::read(std::env::args_os().skip(1));
    let variable = std::env::var("PROTEAN_DOMAIN").ok();
    let Some(domain) = arguments.domain.or(variable) else {
        return without_domain(&arguments.rest);
    };
    match find::program(&domain) {
        Ok(program) => {
            // Comes back only when the program did not start.
            let error = Command::new(&program).args(&arguments.rest).exec();
            fail(
                EXIT_CANNOT_START,
                &format!("error: cannot start {}: {error}", program.display()),
            )
        }
        Err(error) => fail(EXIT_CANNOT_START, &format!("error: {error}")),
    }
}

fn without_domain(rest: &[std::ffi::OsString]) -> ExitCode {
    let first = rest.first().and_then(|word| word.to_str());
    match first {
        Some("help" | "--help" | "-h") => print(HELP),
        Some("--version" | "-V") => print(concat!("protean ", env!("CARGO_PKG_VERSION"), "\n")),
        _ => fail(
            EXIT_USAGE,
            &format!("error: expected `--domain NAME`, or PROTEAN_DOMAIN to be set\n\n{HELP}"),
        ),
    }
}

fn print(text: &str) -> ExitCode {
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn fail(code: u8, message: &str) -> ExitCode {
    // Nobody is left to tell when this fails too.
    let _ = writeln!(std::io::stderr(), "{}", message.trim_end());
    ExitCode::from(code)
}
