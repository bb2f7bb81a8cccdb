//! The project's own rules on its files, which rustfmt and clippy do not check.
//!
//! Each rule is a function from a [`File`] to its [`Finding`]s. Words that a rule forbids are put
//! together with `concat!` in its code, so that no rule finds itself.

mod ignore;
mod length;
mod link;
mod manifest;
mod mask;
mod place;
mod sleep;
mod tree;
mod whitespace;
mod words;

use std::fmt;
use std::path::Path;

use anyhow::{Result, bail};
use tree::{File, Tree};

/// The rules that look at one file at a time.
const RULES: [fn(&File) -> Vec<Finding>; 7] = [
    length::file,
    length::functions,
    manifest::check,
    place::check,
    sleep::check,
    whitespace::check,
    words::check,
];

/// Something to mend, and where it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    path: String,
    line: usize,
    message: String,
}

impl Finding {
    fn new(file: &File, line: usize, message: impl Into<String>) -> Self {
        Self {
            path: file.path.clone(),
            line,
            message: message.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.message)
    }
}

/// Checks the files under `root` and prints what it finds.
///
/// # Errors
/// When there is anything to mend, or a file cannot be read.
pub(crate) fn run(root: &Path) -> Result<()> {
    let tree = Tree::read(root)?;
    let findings = check(&tree);
    for finding in &findings {
        println!("{finding}");
    }
    if !findings.is_empty() {
        bail!(
            "tidy expected nothing to mend, found {} (listed above)",
            findings.len()
        );
    }
    println!("tidy: {} files, nothing to mend", tree.files.len());
    Ok(())
}

/// Everything to mend in a tree, in the order of the files and their lines.
fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &tree.files {
        findings.extend(RULES.iter().flat_map(|rule| rule(file)));
        findings.extend(link::check(file, tree));
    }
    findings.sort();
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_say_where_and_come_in_order() {
        let tree = Tree::of(&[
            ("b.md", "one \n[gone](gone.md)\n"),
            ("a.md", "no end"),
            ("crates/x/Cargo.toml", "[package]\nname = \"x\"\n"),
        ]);
        let lines: Vec<_> = check(&tree).iter().map(ToString::to_string).collect();
        assert_eq!(lines.len(), 5, "{lines:#?}");
        assert!(lines[0].starts_with("a.md:1: "), "{lines:#?}");
        assert!(lines[1].starts_with("b.md:1: "), "{lines:#?}");
        assert!(lines[2].starts_with("b.md:2: "), "{lines:#?}");
        assert!(
            lines[3].starts_with("crates/x/Cargo.toml:1: "),
            "{lines:#?}"
        );
    }

    #[test]
    fn a_tidy_tree_has_no_findings() {
        let tree = Tree::of(&[
            ("README.md", "See [main](crates/x/src/main.rs).\n"),
            ("crates/x/src/main.rs", "//! A program.\n\nfn main() {}\n"),
        ]);
        assert_eq!(check(&tree), []);
    }
}
