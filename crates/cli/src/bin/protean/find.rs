//! Where the program of a domain is.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::workspace;

/// Why there is no program.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(
        "[PE0511] expected the program of a domain at {0}, found none; build it, or name a program \
         of this workspace or one on PATH"
    )]
    NoFile(PathBuf),
    #[error(
        "[PE0512] expected a program called `{name}` in the Cargo workspace around {folder}, or on \
         PATH, found none; go to the application's folder, install the application with \
         `cargo install --path`, or give the path of its program"
    )]
    Unknown { name: String, folder: PathBuf },
    #[error(transparent)]
    Workspace(#[from] workspace::Error),
}

/// The program that `domain` names: a path, a program of the Cargo workspace, which is built if
/// that is needed, or a program on `PATH`.
///
/// # Errors
/// When there is none, or it cannot be built.
pub(crate) fn program(domain: &str) -> Result<PathBuf, Error> {
    if domain.contains('/') {
        let path = PathBuf::from(domain);
        return if is_program(&path) {
            Ok(path)
        } else {
            Err(Error::NoFile(path))
        };
    }
    let folder = std::env::current_dir().unwrap_or_default();
    if let Some(program) = workspace::program(&folder, domain)? {
        return Ok(program);
    }
    on_path(domain).ok_or_else(|| Error::Unknown {
        name: domain.to_owned(),
        folder,
    })
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|program| is_program(program))
}

fn is_program(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}
