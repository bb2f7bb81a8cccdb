//! Sleeps in tests, which are slow where they work and fail where a machine is busy.

use super::Finding;
use super::mask::code_only;
use super::tree::File;

/// What says why a test sleeps, in the line or in the comment above it.
const REASON: &str = "// sleep:";

/// The functions that sleep.
const FUNCTIONS: [&str; 2] = ["sleep", "sleep_until"];

/// Finds sleeps without a reason in folders of tests.
pub(super) fn check(file: &File) -> Vec<Finding> {
    if !file.is_rust() || !file.path.split('/').any(|part| part == "tests") {
        return Vec::new();
    }
    let lines: Vec<&str> = file.text.lines().collect();
    let code: String = code_only(&file.text).into_iter().collect();
    let mut findings = Vec::new();
    for (index, line) in code.lines().enumerate() {
        if sleeps(line) && !has_reason(&lines, index) {
            let message = format!(
                "expected a test that waits for a condition, found a sleep; say why it is right \
                 with `{REASON} …` in the line above"
            );
            findings.push(Finding::new(file, index + 1, message));
        }
    }
    findings
}

/// Whether a line names a function that sleeps, other than to import, define or replace it.
fn sleeps(line: &str) -> bool {
    !line.trim_start().starts_with("use ")
        && FUNCTIONS.iter().any(|function| {
            line.match_indices(function).any(|(at, _)| {
                let (before, after) = (&line[..at], &line[at + function.len()..]);
                let qualified = ["thread::", "time::"]
                    .iter()
                    .any(|path| before.ends_with(path));
                let own = before.ends_with(['.', '_', ':']) || before.ends_with("fn ");
                let whole = !after.starts_with(|char: char| char.is_alphanumeric() || char == '_')
                    && !before.ends_with(char::is_alphanumeric);
                whole && (qualified || !own && after.starts_with('('))
            })
        })
}

/// Whether the line at `index`, or the comment right above it, gives a reason.
fn has_reason(lines: &[&str], index: usize) -> bool {
    let above = lines[..index].iter().rev();
    let comment = above.take_while(|line| line.trim_start().starts_with("//"));
    std::iter::once(&lines[index]).chain(comment).any(|line| {
        line.split_once(REASON)
            .is_some_and(|(_, reason)| !reason.trim().is_empty())
    })
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
    fn a_sleep_without_a_reason_is_found() {
        let path = "crates/core/tests/lane.rs";
        assert_eq!(found(path, "\nstd::thread::sleep(PAUSE);\n"), [2]);
        assert_eq!(found(path, "tokio::time::sleep_until(due).await;\n"), [1]);
        assert_eq!(
            found(path, "use tokio::time::sleep;\n\nsleep(PAUSE).await;\n"),
            [3]
        );
        assert_eq!(found(path, "let pause = std::thread::sleep;\n"), [1]);
        assert_eq!(
            found(path, "// sleep:\nthread::sleep(PAUSE);\n"),
            [2],
            "an empty reason"
        );
    }

    #[test]
    fn a_sleep_with_a_reason_is_right() {
        let path = "crates/core/tests/lane.rs";
        assert_eq!(
            found(
                path,
                "thread::sleep(PAUSE); // sleep: a clock has to move\n"
            ),
            []
        );
        assert_eq!(
            found(
                path,
                "// sleep: a clock\n// has to move\nthread::sleep(PAUSE);\n"
            ),
            []
        );
    }

    #[test]
    fn only_tests_and_only_sleeps_are_looked_at() {
        let path = "crates/core/src/lane.rs";
        assert_eq!(found(path, "thread::sleep(PAUSE);\n"), []);
        let path = "crates/core/src/lane/tests/mod.rs";
        assert_eq!(
            found(
                path,
                "clock.sleep(PAUSE);\nfn sleep() {}\nasleep(3); \"sleep(2)\"\n"
            ),
            []
        );
    }
}
