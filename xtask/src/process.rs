//! Starting other programs.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// A cargo command at the root of the repository, by the cargo that started this process.
pub(crate) fn cargo(root: &Path) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.current_dir(root);
    command
}

/// Where cargo, started at the root, puts what it makes: an absolute path.
///
/// # Errors
/// When the current folder is gone.
pub(crate) fn target(root: &Path) -> Result<PathBuf> {
    target_of(root, std::env::var_os("CARGO_TARGET_DIR"))
}

fn target_of(root: &Path, target_dir: Option<OsString>) -> Result<PathBuf> {
    let target = target_dir.map_or_else(|| PathBuf::from("target"), PathBuf::from);
    let folder = root.join(target);
    std::path::absolute(&folder)
        .with_context(|| format!("expected an absolute path for {}", folder.display()))
}

/// Runs a command to its end, without input.
///
/// # Errors
/// When the program cannot be started, or reports a failure.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let line = line(command);
    println!("$ {line}");
    let status = command
        .stdin(Stdio::null())
        .status()
        .with_context(|| format!("expected to start `{line}`"))?;
    if !status.success() {
        bail!("`{line}` failed with {status}");
    }
    Ok(())
}

/// The command as a person would type it.
fn line(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let program = program.file_name().unwrap_or(program.as_os_str());
    let words = std::iter::once(program).chain(command.get_args());
    words
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_is_where_cargo_puts_it() {
        let root = Path::new("/checkout");
        let found = |variable: Option<&str>| target_of(root, variable.map(OsString::from)).unwrap();
        assert_eq!(found(None), Path::new("/checkout/target"));
        assert_eq!(found(Some("out")), Path::new("/checkout/out"));
        assert_eq!(found(Some("/elsewhere")), Path::new("/elsewhere"));
    }

    #[test]
    fn a_failure_names_the_command_and_its_status() {
        let error = run(Command::new("/bin/sh").args(["-c", "exit 3"])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`sh -c exit 3` failed with exit status: 3"
        );
    }

    #[test]
    fn a_command_gets_no_input() {
        run(Command::new("/bin/sh").args(["-c", "! read line"])).unwrap();
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let error = run(&mut Command::new("/nowhere/program")).unwrap_err();
        assert_eq!(error.to_string(), "expected to start `program`");
    }
}
