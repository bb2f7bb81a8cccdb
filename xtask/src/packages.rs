//! What the tests need from the machine besides the Rust toolchain.
//!
//! A program that is missing is installed where that is possible, which is where a CI job runs as
//! root on Debian. Elsewhere it is a failure that says what to install: no test is left out.

use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use crate::process;

/// A program from outside, and where it comes from.
struct Tool {
    /// What it is needed for.
    purpose: &'static str,
    /// The names it goes by; one of them is enough.
    programs: &'static [&'static str],
    /// Where to look besides `PATH`; one `*` stands for any one folder, such as a version.
    folders: &'static [&'static str],
    /// What to run the program with to see that it is complete; nothing when being there is enough.
    probe: &'static [&'static str],
    /// The Debian packages that bring it.
    packages: &'static [&'static str],
}

/// Everything the tests need.
const TOOLS: &[Tool] = &[
    Tool {
        purpose: "compile the bundled SQLite",
        programs: &["cc"],
        folders: &[],
        probe: &[],
        packages: &["gcc", "libc6-dev"],
    },
    Tool {
        purpose: "start PostgreSQL servers",
        programs: &["initdb"],
        folders: &["/usr/lib/postgresql/*/bin"],
        probe: &[],
        packages: &["postgresql"],
    },
    Tool {
        purpose: "start Redis servers",
        programs: &["redis-server"],
        folders: &[],
        probe: &[],
        packages: &["redis-server"],
    },
    Tool {
        purpose: "make the certificates of servers",
        programs: &["openssl"],
        folders: &[],
        probe: &[],
        packages: &["openssl"],
    },
    Tool {
        purpose: "run the Python side of what both sides have to agree on",
        programs: &["python3"],
        folders: &[],
        probe: &["-c", "import ensurepip, venv"],
        packages: &["python3", "python3-venv"],
    },
];

/// How often apt-get tries a download again.
const APT_RETRIES: &str = "Acquire::Retries=3";

/// How long apt-get waits for another one to end, in seconds.
const APT_LOCK_WAIT: &str = "DPkg::Lock::Timeout=120";

/// Makes sure that every tool is there, installing what is not.
///
/// # Errors
/// When a tool is missing and cannot be installed; the message says which packages bring it.
pub(crate) fn ensure() -> Result<()> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let absent = missing(TOOLS, &path);
    if !absent.is_empty() {
        if !can_install(&path) {
            bail!(advice(&absent));
        }
        install(&packages(&absent))?;
    }
    let absent = missing(TOOLS, &path);
    if !absent.is_empty() {
        bail!(advice(&absent));
    }
    let names: Vec<_> = TOOLS.iter().map(|tool| tool.programs[0]).collect();
    println!("present: {}", names.join(", "));
    Ok(())
}

fn missing<'a>(tools: &'a [Tool], path: &OsStr) -> Vec<&'a Tool> {
    tools
        .iter()
        .filter(|tool| !is_present(tool, path))
        .collect()
}

fn is_present(tool: &Tool, path: &OsStr) -> bool {
    let mut folders =
        std::env::split_paths(path).chain(tool.folders.iter().copied().flat_map(expand));
    folders.any(|folder| {
        tool.programs
            .iter()
            .map(|program| folder.join(program))
            .any(|program| is_program(&program) && is_complete(&program, tool.probe))
    })
}

/// The folders that a pattern with at most one `*` stands for.
fn expand(pattern: &str) -> Vec<PathBuf> {
    let Some((above, below)) = pattern.split_once("/*/") else {
        return vec![PathBuf::from(pattern)];
    };
    let entries = std::fs::read_dir(above).into_iter().flatten().flatten();
    entries.map(|entry| entry.path().join(below)).collect()
}

fn is_program(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

/// Whether a program ends well with the arguments that show that nothing of it is missing: a
/// distribution may put a part of it in another package.
fn is_complete(program: &Path, probe: &[&str]) -> bool {
    let probed = || Command::new(program).args(probe).output();
    probe.is_empty() || probed().is_ok_and(|probed| probed.status.success())
}

fn can_install(path: &OsStr) -> bool {
    let has_apt = std::env::split_paths(path).any(|folder| is_program(&folder.join("apt-get")));
    let user = Command::new("id").arg("-u").output();
    has_apt && user.is_ok_and(|user| user.stdout.trim_ascii() == b"0")
}

fn install(packages: &[&str]) -> Result<()> {
    println!("installing {}", packages.join(", "));
    process::run(&mut apt_get(&["update"]))?;
    process::run(apt_get(&["install", "--yes", "--no-install-recommends"]).args(packages))
}

fn apt_get(args: &[&str]) -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
        .args(["-o", APT_RETRIES, "-o", APT_LOCK_WAIT])
        .args(args);
    command
}

fn packages(tools: &[&Tool]) -> Vec<&'static str> {
    let mut names: Vec<_> = tools
        .iter()
        .flat_map(|tool| tool.packages)
        .copied()
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn advice(absent: &[&Tool]) -> String {
    let wants: Vec<_> = absent
        .iter()
        .map(|tool| format!("`{}` (to {})", tool.programs.join("` or `"), tool.purpose))
        .collect();
    let packages = packages(absent).join(" ");
    format!(
        "expected on this machine: {}; install with `apt-get install {packages}` as root, or the \
         packages of the same purpose of your system",
        wants.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOWHERE: Tool = Tool {
        purpose: "test the tests",
        programs: &["no-such-program", "nor-this-one"],
        folders: &["/no/such/*/bin"],
        probe: &[],
        packages: &["nothing", "gcc"],
    };

    #[test]
    fn a_tool_is_present_by_any_of_its_names() {
        let shell = Tool {
            programs: &["no-such-program", "sh"],
            ..NOWHERE
        };
        assert!(missing(&[shell], OsStr::new("/nowhere:/bin")).is_empty());
        assert_eq!(missing(&[NOWHERE], OsStr::new("/bin")).len(), 1);
    }

    #[test]
    fn a_tool_is_found_in_a_folder_outside_the_path() {
        let shell = Tool {
            programs: &["sh"],
            folders: &["/bin"],
            ..NOWHERE
        };
        assert!(missing(&[shell], OsStr::new("/nowhere")).is_empty());
    }

    #[test]
    fn a_program_that_lacks_a_part_is_not_present() {
        let shell = |probe| Tool {
            programs: &["sh"],
            probe,
            ..NOWHERE
        };
        assert!(is_present(&shell(&["-c", "true"]), OsStr::new("/bin")));
        assert!(!is_present(&shell(&["-c", "false"]), OsStr::new("/bin")));
    }

    #[test]
    fn a_star_stands_for_one_folder() {
        let parent = concat!(env!("CARGO_MANIFEST_DIR"), "/*/tidy");
        let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/tidy");
        assert!(expand(parent).contains(&own));
    }

    #[test]
    fn a_file_that_cannot_be_run_is_no_program() {
        assert!(!is_program(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")
        ));
        assert!(!is_program(Path::new("/bin/")));
        assert!(is_program(Path::new("/bin/sh")));
    }

    #[test]
    fn what_is_missing_is_said_with_what_to_install() {
        let told = advice(&[&NOWHERE, &TOOLS[0]]);
        assert!(
            told.contains("`no-such-program` or `nor-this-one` (to test the tests)"),
            "{told}"
        );
        assert!(
            told.contains("`cc` (to compile the bundled SQLite)"),
            "{told}"
        );
        assert!(
            told.contains("`apt-get install gcc libc6-dev nothing`"),
            "{told}"
        );
    }
}
