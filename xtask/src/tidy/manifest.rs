//! What the manifest of every crate says: what the crate is, and that the workspace's lints hold.

use super::Finding;
use super::tree::File;

/// Finds crates without a description, or without the lints of the workspace.
pub(super) fn check(file: &File) -> Vec<Finding> {
    let is_manifest = file.path.rsplit('/').next() == Some("Cargo.toml");
    let Some(package) = line_of(file, "[package]").filter(|_| is_manifest) else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    if value(file, "package", "description").is_none_or(|text| text.trim_matches('"').is_empty()) {
        let message = "expected a `description`, which says in a sentence what the crate is";
        findings.push(Finding::new(file, package, message));
    }
    if value(file, "lints", "workspace") != Some("true") {
        let message = "expected the lints of the workspace: `[lints]` with `workspace = true`";
        findings.push(Finding::new(file, package, message));
    }
    findings
}

fn line_of(file: &File, header: &str) -> Option<usize> {
    file.lines()
        .find(|(_, line)| line.trim() == header)
        .map(|(number, _)| number)
}

/// The value of a key of a table, as it is written.
fn value<'a>(file: &'a File, table: &str, key: &str) -> Option<&'a str> {
    let header = format!("[{table}]");
    let lines = file
        .text
        .lines()
        .skip_while(|line| line.trim() != header)
        .skip(1);
    lines
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split_once('='))
        .find(|(name, _)| name.trim() == key)
        .map(|(_, value)| value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINTS: &str = "[lints]\nworkspace = true\n";

    fn found(path: &str, text: String) -> Vec<String> {
        let file = File {
            path: path.to_owned(),
            text,
        };
        check(&file).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_crate_without_a_description_is_found() {
        for description in ["", "description = \"\"\n"] {
            let text = format!("\n[package]\nname = \"a\"\n{description}\n{LINTS}");
            let findings = found("crates/a/Cargo.toml", text);
            assert_eq!(findings.len(), 1, "{description}");
            assert!(
                findings[0].starts_with("crates/a/Cargo.toml:2: "),
                "{findings:?}"
            );
            assert!(findings[0].contains("`description`"), "{findings:?}");
        }
    }

    #[test]
    fn a_crate_without_the_lints_of_the_workspace_is_found() {
        for lints in [
            "",
            "[lints]\n",
            "[lints]\nworkspace = false\n",
            "[dependencies]\nworkspace = true\n",
        ] {
            let text = format!("[package]\ndescription = \"A.\"\n{lints}");
            let findings = found("crates/a/Cargo.toml", text);
            assert_eq!(findings.len(), 1, "{lints}");
            assert!(findings[0].contains("`[lints]`"), "{findings:?}");
        }
    }

    #[test]
    fn a_complete_crate_and_a_workspace_are_right() {
        let text = format!("[package]\ndescription = \"A.\"\n\n{LINTS}");
        assert_eq!(found("crates/a/Cargo.toml", text), [""; 0]);
        assert_eq!(found("Cargo.toml", "[workspace]\n".to_owned()), [""; 0]);
        assert_eq!(found("docs/manifest.md", "[package]\n".to_owned()), [""; 0]);
    }
}
