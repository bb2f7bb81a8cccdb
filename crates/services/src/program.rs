//! The programs from outside: where they are, and running one that ends by itself.

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Error;

/// How long a client such as `psql` may take, in seconds: far longer than anything it is asked for
/// here, so that a server that hangs is told.
const LIMIT: u16 = 60;

/// The file of a program on `PATH`.
///
/// # Errors
/// When there is none; the error names the package that brings it.
pub(crate) fn on_path(program: &'static str, package: &'static str) -> Result<PathBuf, Error> {
    folders_of_path()
        .map(|folder| folder.join(program))
        .find(|file| is_program(file))
        .ok_or(Error::MissingProgram {
            program,
            also: "",
            package,
        })
}

/// The folders of `PATH`.
pub(crate) fn folders_of_path() -> impl Iterator<Item = PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).collect::<Vec<_>>().into_iter()
}

/// Whether a file is there that can be run.
pub(crate) fn is_program(file: &Path) -> bool {
    file.metadata()
        .is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

/// A command that is ended when it takes longer than anything here should.
pub(crate) fn bounded(program: &Path) -> Command {
    let mut command = Command::new("timeout");
    command.arg(LIMIT.to_string()).arg(program);
    command
}

/// Runs a command to its end and gives back what it printed, without the last line break.
///
/// # Errors
/// When it cannot be run or fails; the error has what it printed.
pub(crate) fn printed(command: &mut Command) -> Result<String, Error> {
    let words: Vec<OsString> = command.get_args().skip(1).map(OsString::from).collect();
    let program = words.join(" ".as_ref()).to_string_lossy().into_owned();
    let output = command
        .output()
        .map_err(Error::refused(format!("run `{program}`")))?;
    let said = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        let also = String::from_utf8_lossy(&output.stderr);
        let found = format!("{}: {}{}", output.status, said, also);
        let found = found.trim_end().to_owned();
        return Err(Error::Failed { program, found });
    }
    Ok(said.trim_end_matches('\n').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_missing_is_told_with_its_package() {
        let told = on_path("no-such-program", "nothing")
            .unwrap_err()
            .to_string();
        assert_eq!(
            told,
            "[PE0701] expected `no-such-program` on PATH; install it with `apt-get install \
             nothing`, or the package of the same purpose of your system"
        );
    }

    #[test]
    fn what_a_program_that_fails_prints_is_told() {
        let sh = on_path("sh", "dash").unwrap();
        let script = "echo one; echo two >&2; exit 3";
        let told = printed(bounded(&sh).args(["-c", script])).unwrap_err();
        let told = told.to_string();
        assert!(told.ends_with("exit status: 3: one\ntwo"), "{told}");
        let said = printed(bounded(&sh).args(["-c", "echo ' one'"])).unwrap();
        assert_eq!(said, " one");
    }
}
