//! Where PostgreSQL's programs are. Debian keeps those of every version apart, and the servers'
//! programs off `PATH`.

use std::path::{Path, PathBuf};

use crate::{Error, program};

/// Where Debian puts the programs of every version.
const VERSIONS: &str = "/usr/lib/postgresql";

/// The programs that are used, which are in one folder.
const PROGRAMS: [&str; 6] = [
    "initdb",
    "postgres",
    "psql",
    "pg_isready",
    "pg_dump",
    "pg_restore",
];

/// The folder of PostgreSQL's programs: that of `initdb` on `PATH`, or the newest version of
/// Debian's.
///
/// A program on `PATH` may be a link into the folder, so the link is followed first.
///
/// # Errors
/// When it is in neither place.
pub(super) fn folder() -> Result<PathBuf, Error> {
    let linked = program::folders_of_path()
        .filter_map(|folder| folder.join(PROGRAMS[0]).canonicalize().ok())
        .filter_map(|initdb| initdb.parent().map(Path::to_owned));
    linked
        .chain(versions(Path::new(VERSIONS)))
        .find(|folder| has_programs(folder))
        .ok_or(Error::MissingProgram {
            program: PROGRAMS[0],
            also: " or in /usr/lib/postgresql/*/bin",
            package: "postgresql",
        })
}

/// The folders of programs under a folder of versions, the newest first.
fn versions(above: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(above).into_iter().flatten().flatten();
    let mut numbers: Vec<u32> = entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    numbers.sort_unstable_by(|one, other| other.cmp(one));
    let folder = |number: u32| above.join(number.to_string()).join("bin");
    numbers.into_iter().map(folder).collect()
}

fn has_programs(folder: &Path) -> bool {
    PROGRAMS
        .iter()
        .all(|program| program::is_program(&folder.join(program)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_is_first_by_number() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["9", "15", "common"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        let found = versions(folder.path());
        let expected = ["15/bin", "9/bin"].map(|name| folder.path().join(name));
        assert_eq!(found, expected);
        assert!(!has_programs(&found[0]));
    }
}
