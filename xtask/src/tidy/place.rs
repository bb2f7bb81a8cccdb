//! Paths of one particular machine, which mean nothing on another.

use super::Finding;
use super::tree::File;

/// Absolute paths of folders in which people work.
const ABSOLUTE: [&str; 2] = [concat!("/wo", "rk/"), concat!("/ro", "ot/")];

/// Folders beside the checkout.
const BESIDE: [&str; 2] = [concat!(".lib", "rary"), concat!("../sha", "red")];

/// Finds them in any file.
pub(super) fn check(file: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in file.lines() {
        let absolute = ABSOLUTE
            .into_iter()
            .filter(|path| has(line, path, is_inside_path));
        let beside = BESIDE
            .into_iter()
            .filter(|path| has(line, path, char::is_alphanumeric));
        for path in absolute.chain(beside) {
            let message = format!("expected paths inside the repository, found `{path}`");
            findings.push(Finding::new(file, number, message));
        }
    }
    findings
}

/// Whether a line has `path` somewhere, other than after a character that makes it a part of
/// something else.
fn has(line: &str, path: &str, is_part: fn(char) -> bool) -> bool {
    line.match_indices(path)
        .any(|(at, _)| !line[..at].ends_with(is_part))
}

/// Whether a `/` after this character does not start a path, but goes on with one.
fn is_inside_path(char: char) -> bool {
    char.is_alphanumeric() || matches!(char, '_' | '-' | '.' | '~' | '}' | ')' | '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: String) -> Vec<usize> {
        let file = File {
            path: "a.md".to_owned(),
            text,
        };
        check(&file).iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn each_place_is_found() {
        for path in ABSOLUTE.iter().chain(&BESIDE) {
            assert_eq!(found(format!("\nsee {path}file\n")), [2], "{path}");
            assert_eq!(found(format!("`{path}`\n")), [1], "{path}");
        }
    }

    #[test]
    fn the_middle_of_another_path_is_not_found() {
        for path in ABSOLUTE {
            assert_eq!(
                found(format!("crates/core{path}mod.rs, ~{path}, ..{path}\n")),
                []
            );
        }
        assert_eq!(found(format!("shop{}()\n", BESIDE[0])), []);
    }
}
