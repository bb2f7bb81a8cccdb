//! The part of the README that the command writes.

use anyhow::{Context, Result};

/// The lines that are around it.
const BEGIN: &str = "<!-- written by `cargo xtask bench compare -- --readme` -->";
const END: &str = "<!-- end of what is written -->";

/// The file.
const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");

/// Puts a text between the two lines of the README.
///
/// # Errors
/// When the file cannot be read or written, or the lines are not there.
pub(crate) fn put(text: &str) -> Result<()> {
    let whole = std::fs::read_to_string(README).with_context(|| format!("cannot read {README}"))?;
    let new = between(&whole, text).with_context(|| format!("expected two marks in {README}"))?;
    std::fs::write(README, new).with_context(|| format!("cannot write {README}"))
}

/// The whole with the text in place of what is between the marks.
fn between(whole: &str, text: &str) -> Option<String> {
    let (before, rest) = whole.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!(
        "{before}{BEGIN}\n\n{}\n\n{END}{after}",
        text.trim()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_marks_is_replaced() {
        let whole = format!("before\n{BEGIN}\nold\n{END}\nafter\n");
        let new = between(&whole, "new\n").unwrap();
        assert_eq!(new, format!("before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"));
        assert_eq!(between(&new, "new").unwrap(), new);
        assert!(between("no marks", "new").is_none());
    }

    #[test]
    fn the_readme_has_the_marks() {
        assert!(between(&std::fs::read_to_string(README).unwrap(), "").is_some());
    }
}
