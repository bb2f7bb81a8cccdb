//! What others have made for bulk work, to be compared: installed from its registries into folders
//! of the target folder, each in one version.
//!
//! Every peer is a folder of `benchmarks/peers`, and is installed as what it is: by its
//! `requirements.txt`, its `package.json`, its `Cargo.toml`, or two of them.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::{process, python};

/// The peers' own files, and the folder in the target folder where each is installed.
const SOURCES: &str = "benchmarks/peers";
const FOLDER: &str = "peers";

/// What says which packages of npm are installed.
const LOCK: &str = "package-lock.json";

/// Installs those peers that the arguments of the benchmark ask for.
///
/// # Errors
/// When a program that is needed is not there, or something cannot be installed.
pub(crate) fn ensure(root: &Path, target: &Path, args: &[String]) -> Result<()> {
    for source in asked(&folders(&root.join(SOURCES))?, args) {
        let name = source.file_name().unwrap_or_default();
        install(root, source, &target.join(FOLDER).join(name))?;
    }
    Ok(())
}

fn install(root: &Path, source: &Path, folder: &Path) -> Result<()> {
    let manifest = source.join("Cargo.toml");
    if manifest.is_file() {
        let mut cargo = process::cargo(root);
        cargo.args(["build", "--release", "--locked", "--manifest-path"]);
        return process::run(cargo.arg(manifest).arg("--target-dir").arg(folder));
    }
    let was = std::fs::read(folder.join(LOCK)).ok();
    copy(source, folder)?;
    let requirements = folder.join("requirements.txt");
    if requirements.is_file() {
        python::environment(&requirements, &folder.join("venv"))?;
    }
    let lock = folder.join(LOCK);
    let is_there = folder.join("node_modules").is_dir() && was == std::fs::read(&lock).ok();
    if lock.is_file() && !is_there {
        // Packages that want to compile something have it made already, or do without.
        let options = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
        process::run(Command::new("npm").args(options).current_dir(folder))?;
    }
    Ok(())
}

/// Copies the files of a folder: some languages look for packages beside the file that needs them.
fn copy(source: &Path, folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)
        .with_context(|| format!("expected to make {}", folder.display()))?;
    for entry in entries(source)? {
        if let Some(name) = entry.file_name().filter(|_| entry.is_file()) {
            std::fs::copy(&entry, folder.join(name))
                .with_context(|| format!("expected to copy {}", entry.display()))?;
        }
    }
    Ok(())
}

/// The folders of all peers, sorted.
fn folders(above: &Path) -> Result<Vec<PathBuf>> {
    let mut folders = entries(above)?;
    folders.retain(|path| path.is_dir());
    folders.sort();
    Ok(folders)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let context = || format!("expected to read the folder {}", folder.display());
    let entries = std::fs::read_dir(folder).with_context(context)?;
    entries
        .map(|entry| Ok(entry.with_context(context)?.path()))
        .collect()
}

/// Those that `--peers a,b` or `--peers=a,b` names, by a name that begins with that of the folder;
/// all when there is no such argument.
fn asked<'f>(folders: &'f [PathBuf], args: &[String]) -> Vec<&'f Path> {
    let names: Option<Vec<&str>> = args.iter().enumerate().find_map(|(at, arg)| {
        let names = match arg.strip_prefix("--peers=") {
            Some(names) => Some(names),
            None if arg == "--peers" => args.get(at + 1).map(String::as_str),
            None => None,
        };
        names.map(|names| names.split(',').collect())
    });
    let is_asked = |folder: &&PathBuf| {
        let own = folder
            .file_name()
            .and_then(OsStr::to_str)
            .unwrap_or_default();
        let names = names.as_deref();
        names.is_none_or(|names| names.iter().any(|name| name.starts_with(own)))
    };
    folders
        .iter()
        .filter(is_asked)
        .map(PathBuf::as_path)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(args: &[&str]) -> Vec<String> {
        let all = ["apalis", "celery", "protean-python"].map(PathBuf::from);
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        let found = asked(&all, &args);
        found.iter().map(|one| one.display().to_string()).collect()
    }

    #[test]
    fn only_what_is_asked_for_is_installed() {
        assert_eq!(
            names(&["--rows", "5"]),
            ["apalis", "celery", "protean-python"]
        );
        assert_eq!(
            names(&["--peers", "apalis-redis,celery"]),
            ["apalis", "celery"]
        );
        assert_eq!(names(&["--peers=protean-python"]), ["protean-python"]);
        assert_eq!(names(&["--peers", "protean-sqlite"]), [""; 0]);
    }

    #[test]
    fn files_are_copied_and_folders_are_not() {
        let name = format!("protean-xtask-peers-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let (source, to) = (folder.join("source"), folder.join("to"));
        std::fs::create_dir_all(source.join("cache")).unwrap();
        std::fs::write(source.join("a.py"), "1").unwrap();
        let copied = copy(&source, &to);
        let there = (to.join("a.py").is_file(), to.join("cache").exists());
        std::fs::remove_dir_all(&folder).unwrap();
        copied.unwrap();
        assert_eq!(there, (true, false));
    }

    #[test]
    fn no_lock_file_names_a_registry() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        for folder in folders(&root.join(SOURCES)).unwrap() {
            let Ok(lock) = std::fs::read_to_string(folder.join(LOCK)) else {
                continue;
            };
            assert!(!lock.contains("\"resolved\""), "{}", folder.display());
        }
    }
}
