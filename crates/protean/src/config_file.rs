//! Where an application's configuration comes from: `domain.toml`, and the environment.

use std::path::{Path, PathBuf};

use protean_core::config::{self, Config};

/// The names a configuration file may have; the first one found counts.
const NAMES: [&str; 2] = [".domain.toml", "domain.toml"];

/// How many folders are looked into: the one asked for and two above it.
const FOLDERS_MAX: usize = 3;

/// The variable that picks the overlay, as in `PROTEAN_ENV=production`.
const OVERLAY_VARIABLE: &str = "PROTEAN_ENV";

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is a file, but it cannot be read.
    #[error("[PE0411] cannot read {file}: {why}")]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the operating system said.
        why: std::io::Error,
    },
    /// The file says what cannot be.
    #[error(transparent)]
    Invalid(#[from] config::Error),
}

/// The configuration of a domain whose program runs in `folder`: that of `.domain.toml` or
/// `domain.toml` there or in one of the two folders above, with the overlay that `PROTEAN_ENV`
/// picks. Paths in the file start from the file's folder. Without a file, everything is as it comes:
/// one SQLite file, `{domain}.db`, in `folder`.
///
/// # Errors
/// When there is a file that cannot be read, or that says what cannot be; then all of it at once.
pub fn load(domain: &str, folder: &Path) -> Result<Config, Error> {
    let (text, file) = match find(folder) {
        Some(file) => {
            let text = std::fs::read_to_string(&file).map_err(|why| Error::Unreadable {
                file: file.clone(),
                why,
            })?;
            (text, file)
        }
        None => (String::new(), folder.join(NAMES[1])),
    };
    let overlay = std::env::var(OVERLAY_VARIABLE).ok();
    let variable = |name: &str| std::env::var(name).ok();
    let mut config = Config::parse(&text, &shown(&file, folder), overlay.as_deref(), &variable)?;
    let home = file.parent().unwrap_or(folder);
    let database = match config.file.as_os_str().is_empty() {
        true => home.join(format!("{domain}.db")),
        false => home.join(&config.file),
    };
    config.use_file(&database);
    Ok(config)
}

fn find(folder: &Path) -> Option<PathBuf> {
    let folders = folder.ancestors().take(FOLDERS_MAX);
    folders
        .flat_map(|folder| NAMES.map(|name| folder.join(name)))
        .find(|file| file.is_file())
}

/// The file as a person in `folder` would call it.
fn shown(file: &Path, folder: &Path) -> String {
    file.strip_prefix(folder)
        .unwrap_or(file)
        .display()
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_file_the_domain_lives_in_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let config = load("shop", folder.path()).unwrap();
        assert_eq!(config.file, folder.path().join("shop.db"));
        assert!(config.server.priority_lanes.enabled);
    }

    #[test]
    fn a_file_above_counts_and_paths_start_there() {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("src/book");
        std::fs::create_dir_all(&below).unwrap();
        let text = "[databases.default]\nprovider = \"sqlite\"\npath = \"data/shop.db\"\n";
        std::fs::write(folder.path().join("domain.toml"), text).unwrap();
        let config = load("shop", &below).unwrap();
        assert_eq!(config.file, folder.path().join("data/shop.db"));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("domain.toml"), "[server]\nworker = 1\n").unwrap();
        let error = load("shop", folder.path()).unwrap_err().to_string();
        assert!(error.contains("domain.toml:2: server.worker"), "{error}");
    }
}
