//! White space at the end of lines and files.

use super::Finding;
use super::tree::File;

/// Files that record what a program printed, blanks and all: by their end, or by their folder.
const RECORDED: [&str; 2] = [".snap", "/tests/samples/"];

/// Finds blanks before the end of a line, and files whose last line has no end.
pub(super) fn check(file: &File) -> Vec<Finding> {
    if RECORDED.iter().any(|part| file.path.contains(part)) {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for (index, line) in file.text.split('\n').enumerate() {
        if line.trim_end() != line {
            let message = "expected no white space at the end of the line";
            findings.push(Finding::new(file, index + 1, message));
        }
    }
    if !file.text.is_empty() && !file.text.ends_with('\n') {
        let message = "expected a line end at the end of the file";
        findings.push(Finding::new(file, file.text.lines().count(), message));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<usize> {
        let file = File {
            path: path.to_owned(),
            text: text.to_owned(),
        };
        check(&file).iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn white_space_at_the_end_of_a_line_is_found() {
        assert_eq!(found("a.md", "one\ntwo \nthree\t\n\nfive\r\n"), [2, 3, 5]);
        assert_eq!(found("a.snap", "one \n"), []);
    }

    #[test]
    fn a_last_line_without_an_end_is_found() {
        assert_eq!(found("a.md", "one\ntwo"), [2]);
        assert_eq!(found("a.md", ""), []);
    }
}
