//! The Python that tests start: a virtual environment in the target folder, with the frameworks
//! that have to agree with this one about what is in Redis.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::process;

/// Tells tests which Python to start: an absolute path.
pub(crate) const PROGRAM_VARIABLE: &str = "PROTEAN_TEST_PYTHON";

/// What is to be installed, each in one version.
const REQUIREMENTS: &str = "crates/redis/tests/python/requirements.txt";

/// The environment's folder, in the target folder.
const FOLDER: &str = "python";

/// The file in the environment that says what is installed there, in the words of the requirements.
const STAMP: &str = "installed.txt";

/// How often pip tries a download again.
const PIP_RETRIES: &str = "5";

/// The Python of the environment in this target folder.
pub(crate) fn program(target: &Path) -> PathBuf {
    target.join(FOLDER).join("bin").join("python")
}

/// Makes the environment of the tests, unless it is there with all that is required.
///
/// # Errors
/// As [`environment`].
pub(crate) fn ensure(root: &Path, target: &Path) -> Result<()> {
    environment(&root.join(REQUIREMENTS), &target.join(FOLDER))
}

/// Makes an environment in a folder, unless it is there with all that a file requires.
///
/// # Errors
/// When the requirements cannot be read or installed.
pub(crate) fn environment(requirements: &Path, folder: &Path) -> Result<()> {
    let required = std::fs::read_to_string(requirements)
        .with_context(|| format!("expected to read {}", requirements.display()))?;
    let program = folder.join("bin").join("python");
    if program.is_file() && is_installed(folder, &required) {
        println!("present: {}", names(&required).join(", "));
        return Ok(());
    }
    // One that is half made is made anew.
    process::run(
        Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(folder),
    )?;
    process::run(install(&program).arg(requirements))?;
    let stamp = folder.join(STAMP);
    std::fs::write(&stamp, required)
        .with_context(|| format!("expected to write {}", stamp.display()))
}

/// Whether the environment in this folder has what is required, and was made to the end.
fn is_installed(folder: &Path, required: &str) -> bool {
    std::fs::read_to_string(folder.join(STAMP)).is_ok_and(|installed| installed == required)
}

/// The command that installs what a file requires, which is its last argument.
fn install(program: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .args(["-m", "pip", "install", "--quiet"])
        .arg("--disable-pip-version-check")
        .args(["--retries", PIP_RETRIES, "--requirement"]);
    command
}

/// The packages in the text of the requirements, with their versions.
fn names(required: &str) -> Vec<&str> {
    let lines = required.lines().map(str::trim);
    lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_in_the_target_folder() {
        let found = program(Path::new("/checkout/target"));
        assert_eq!(found, Path::new("/checkout/target/python/bin/python"));
    }

    #[test]
    fn what_is_installed_is_what_the_stamp_says() {
        let name = format!("protean-xtask-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir(&folder).unwrap();
        let before = is_installed(&folder, "a==1\n");
        std::fs::write(folder.join(STAMP), "a==1\n").unwrap();
        let after = ["a==1\n", "a==2\n"].map(|required| is_installed(&folder, required));
        std::fs::remove_dir_all(&folder).unwrap();
        assert!(!before, "there was no stamp");
        assert_eq!(after, [true, false]);
    }

    #[test]
    fn a_download_that_fails_is_tried_again() {
        let command = install(Path::new("/venv/bin/python"));
        let words: Vec<_> = command
            .get_args()
            .filter_map(|word| word.to_str())
            .collect();
        let line = words.join(" ");
        assert!(line.starts_with("-m pip install --quiet "), "{line}");
        assert!(line.ends_with(" --retries 5 --requirement"), "{line}");
    }

    #[test]
    fn every_requirement_is_of_one_version() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("..")
            .join(REQUIREMENTS);
        let text = std::fs::read_to_string(file).unwrap();
        let names = names(&text);
        assert_eq!(names.len(), 2, "{names:?}");
        assert!(names.iter().all(|name| name.contains("==")), "{names:?}");
        assert_eq!(super::names("# why\n\n a==1 \n"), ["a==1"]);
    }
}
