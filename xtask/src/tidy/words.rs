//! Words that stand for work left undone, which is not what is committed.

use super::Finding;
use super::tree::File;

/// Code that leaves something out.
const CODE: [&str; 4] = [
    concat!("#[", "ignore"),
    concat!("todo", "!("),
    concat!("unimplemented", "!("),
    concat!("dbg", "!("),
];

/// Notes about work to come, as whole words.
const NOTES: [&str; 3] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
];

/// Finds them in Rust files, comments and strings included.
pub(super) fn check(file: &File) -> Vec<Finding> {
    if !file.is_rust() {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for (number, line) in file.lines() {
        let code = CODE.into_iter().filter(|word| line.contains(word));
        let notes = NOTES.into_iter().filter(|word| has_word(line, word));
        for word in code.chain(notes) {
            let message = format!("expected finished work, found `{word}`");
            findings.push(Finding::new(file, number, message));
        }
    }
    findings
}

fn has_word(line: &str, word: &str) -> bool {
    line.split(|char: char| !char.is_alphanumeric() && char != '_')
        .any(|part| part == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: String) -> Vec<Finding> {
        check(&File {
            path: "a.rs".to_owned(),
            text,
        })
    }

    #[test]
    fn each_word_is_found() {
        for word in CODE {
            assert_eq!(
                found(format!("fn a() {{\n    {word}b);\n}}\n")).len(),
                1,
                "{word}"
            );
        }
        for word in NOTES {
            let findings = found(format!("\n// {word}: later\n"));
            assert_eq!(findings.len(), 1, "{word}");
            assert_eq!(findings[0].line, 2);
        }
    }

    #[test]
    fn a_part_of_another_word_is_not_found() {
        for word in NOTES {
            assert_eq!(found(format!("// {word}X and A_{word}\n")), []);
        }
    }
}
