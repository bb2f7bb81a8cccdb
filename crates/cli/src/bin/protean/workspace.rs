//! The programs of the Cargo workspace around a folder.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

/// Why a workspace does not give its program.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("[PE0513] cannot start cargo: {0}")]
    Cargo(std::io::Error),
    #[error("[PE0514] cargo does not understand the workspace around {folder}:\n{why}")]
    Metadata { folder: PathBuf, why: String },
    #[error("[PE0515] `cargo build` of `{0}` failed; its output says why")]
    Build(String),
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    target_directory: PathBuf,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

/// The program of that name, freshly built in release mode; none when there is no workspace, or no
/// such program in it.
///
/// # Errors
/// When cargo does not understand the workspace, or the program does not build.
pub(crate) fn program(folder: &Path, name: &str) -> Result<Option<PathBuf>, Error> {
    if !folder
        .ancestors()
        .any(|above| above.join("Cargo.toml").is_file())
    {
        return Ok(None);
    }
    let metadata = metadata(folder)?;
    let Some(package) = metadata.packages.iter().find(|package| package.has(name)) else {
        return Ok(None);
    };
    build(folder, &package.name, name)?;
    Ok(Some(metadata.target_directory.join("release").join(name)))
}

impl Package {
    fn has(&self, program: &str) -> bool {
        self.targets
            .iter()
            .any(|target| target.name == program && target.kind.iter().any(|kind| kind == "bin"))
    }
}

fn metadata(folder: &Path) -> Result<Metadata, Error> {
    let output = cargo(folder)
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .output()
        .map_err(Error::Cargo)?;
    let broken = |why: String| Error::Metadata {
        folder: folder.to_owned(),
        why,
    };
    if !output.status.success() {
        return Err(broken(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| broken(error.to_string()))
}

/// Builds one program. Cargo talks on standard error, and is quiet when there is nothing to do.
fn build(folder: &Path, package: &str, name: &str) -> Result<(), Error> {
    let status = cargo(folder)
        .args(["build", "--release", "--quiet"])
        .args(["--package", package, "--bin", name])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .map_err(Error::Cargo)?;
    if status.success() {
        Ok(())
    } else {
        Err(Error::Build(name.to_owned()))
    }
}

fn cargo(folder: &Path) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.current_dir(folder);
    command
}
