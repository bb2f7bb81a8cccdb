//! `cargo xtask bench`: one benchmark, in release mode.

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::{peers, process};

const PACKAGE: &str = "protean-benchmarks";
const PROGRAMS_OF: &str = "bookshelf";
const FOLDER: &str = "benchmarks/src/bin";

/// The benchmark that needs what others have made.
const COMPARISON: &str = "compare";

/// Runs the benchmark `name` with `args`.
///
/// # Errors
/// When there is no such benchmark, with the names there are, when what it needs cannot be
/// installed, or when it fails.
pub(crate) fn run(root: &Path, name: Option<&str>, args: &[String]) -> Result<()> {
    let known = names(&root.join(FOLDER))?;
    let name = choose(name, &known)?;
    // Some benchmarks start programs of the example.
    process::run(process::cargo(root).args(["build", "--release", "--package", PROGRAMS_OF]))?;
    if name == COMPARISON {
        peers::ensure(root, &process::target(root)?, args)?;
    }
    let options = [
        "run",
        "--release",
        "--package",
        PACKAGE,
        "--bin",
        name,
        "--",
    ];
    process::run(process::cargo(root).args(options).args(args))
}

fn choose<'a>(name: Option<&'a str>, known: &[String]) -> Result<&'a str> {
    match name {
        Some(name) if known.iter().any(|other| other == name) => Ok(name),
        Some(name) => bail!("expected one of {}, found `{name}`", known.join(", ")),
        None => bail!(
            "expected the name of a benchmark: one of {}",
            known.join(", ")
        ),
    }
}

/// The programs in a `src/bin` folder, sorted: `name.rs` or `name/main.rs`.
fn names(folder: &Path) -> Result<Vec<String>> {
    let entries = std::fs::read_dir(folder)
        .with_context(|| format!("expected the benchmarks in {}", folder.display()))?;
    let mut names = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let is_program =
            path.extension().is_some_and(|end| end == "rs") || path.join("main.rs").is_file();
        if is_program && let Some(stem) = path.file_stem() {
            names.push(stem.to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_programs_of_a_folder_are_its_files_of_rust() {
        let own = names(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap();
        assert!(own.contains(&"bench".to_owned()), "{own:?}");
        assert!(
            !own.contains(&"tidy".to_owned()),
            "a folder without main.rs: {own:?}"
        );
        assert!(own.is_sorted());
    }

    #[test]
    fn a_wrong_name_is_answered_with_the_right_ones() {
        let known = ["lanes".to_owned(), "relay".to_owned()];
        assert_eq!(choose(Some("relay"), &known).unwrap(), "relay");
        let wrong = choose(Some("rely"), &known).unwrap_err().to_string();
        assert_eq!(wrong, "expected one of lanes, relay, found `rely`");
        assert!(
            choose(None, &known)
                .unwrap_err()
                .to_string()
                .contains("lanes, relay")
        );
    }
}
