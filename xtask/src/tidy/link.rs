//! Links in Markdown files to other files of the repository.

use super::Finding;
use super::tree::{File, Tree, join};

/// Finds links that lead nowhere. Links to the web and inside one file are not looked at.
pub(super) fn check(file: &File, tree: &Tree) -> Vec<Finding> {
    if !file.path.ends_with(".md") {
        return Vec::new();
    }
    let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut findings = Vec::new();
    for (number, line) in prose(file) {
        for target in targets(&line).into_iter().filter_map(path) {
            if !tree.has(&join(folder, target)) {
                let message = format!("expected a link to a file that is there, found `{target}`");
                findings.push(Finding::new(file, number, message));
            }
        }
    }
    findings
}

/// The lines outside blocks of code, without the code inside them.
fn prose(file: &File) -> Vec<(usize, String)> {
    let mut fence = None;
    let mut lines = Vec::new();
    for (number, line) in file.lines() {
        let start = line.trim_start();
        let mark = ["```", "~~~"]
            .into_iter()
            .find(|mark| start.starts_with(mark));
        match (fence, mark) {
            (None, None) => lines.push((number, without_code(line))),
            (None, Some(_)) => fence = mark,
            (Some(open), Some(mark)) if open == mark => fence = None,
            (Some(_), _) => {}
        }
    }
    lines
}

/// The line with what stands between backticks left out.
fn without_code(line: &str) -> String {
    let parts: Vec<_> = line.split('`').collect();
    let last = parts.len() - 1;
    let closed = |index: usize| index % 2 == 1 && index != last;
    parts
        .iter()
        .enumerate()
        .filter(|(index, _)| !closed(*index))
        .map(|(_, part)| *part)
        .collect()
}

/// What the links of a line point to: `[text](target)` and `[name]: target`.
fn targets(line: &str) -> Vec<&str> {
    let inline = line
        .match_indices("](")
        .map(|(at, mark)| &line[at + mark.len()..]);
    let defined = line
        .strip_prefix('[')
        .and_then(|rest| rest.split_once("]: "));
    inline
        .chain(defined.map(|(_, target)| target))
        .filter_map(first)
        .collect()
}

/// The target at the start of `rest`, without a title or what follows the link.
fn first(rest: &str) -> Option<&str> {
    match rest.trim_start().strip_prefix('<') {
        Some(quoted) => quoted.split('>').next(),
        None => rest.split([')', ' ']).next(),
    }
}

/// The path in a target, without a heading; none when it is an address or only a heading.
fn path(target: &str) -> Option<&str> {
    let is_address = target.contains("://") || target.starts_with("mailto:");
    let path = target.split('#').next().unwrap_or(target);
    (!is_address && !path.is_empty()).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<(usize, String)> {
        let tree = Tree::of(&[
            ("docs/guide.md", text),
            ("docs/adr/one.md", "\n"),
            ("main.rs", "\n"),
        ]);
        let findings = check(&tree.files[0], &tree);
        findings
            .into_iter()
            .map(|finding| (finding.line, finding.message))
            .collect()
    }

    #[test]
    fn a_link_to_a_file_that_is_not_there_is_found() {
        for link in [
            "[a](gone.md)",
            "see [a](adr/one.md), ![b](gone.png \"title\") and more",
            "[a]: gone.md",
            "[a](<gone file.md>)",
            "[a](/docs/adr/one.md)",
            "[a](../../outside.md)",
            "[a](main.rs#L3)",
            "a ` alone, [a](gone.md)",
        ] {
            let findings = found(&format!("# Guide\n\n{link}\n"));
            assert_eq!(findings.len(), 1, "{link}: {findings:?}");
            assert_eq!(findings[0].0, 3);
        }
    }

    #[test]
    fn a_link_to_a_file_that_is_there_is_right() {
        for link in [
            "[a](adr/one.md#heading) and [b](adr) and [c](../main.rs)",
            "[a]: ./adr/one.md \"title\"",
            "[a](https://example.com/gone.md) [b](mailto:a@example.com) [c](#heading)",
            "`[a](gone.md)`",
            "```md\n[a](gone.md)\n```",
            "~~~\n```\n[a](gone.md)\n~~~",
        ] {
            assert_eq!(found(&format!("{link}\n")), [], "{link}");
        }
    }
}
