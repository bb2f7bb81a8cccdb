//! Variables of the environment in texts: `${NAME}` and `${NAME|default}`.
//!
//! They are put in after an overlay was laid over the rest, so that a variable is needed only where
//! its value is.

use super::problem::Problems;
use super::tree::{Entries, Node, Value};

/// Puts the variables into every text of a tree.
pub(super) fn apply(
    tree: &mut Entries,
    variable: &dyn Fn(&str) -> Option<String>,
    problems: &Problems,
) {
    let interpolation = Interpolation { variable, problems };
    interpolation.entries(tree, "");
}

struct Interpolation<'a> {
    variable: &'a dyn Fn(&str) -> Option<String>,
    problems: &'a Problems,
}

impl Interpolation<'_> {
    fn entries(&self, entries: &mut Entries, path: &str) {
        for (key, node) in entries {
            match path {
                "" => self.node(node, key),
                path => self.node(node, &format!("{path}.{key}")),
            }
        }
    }

    fn node(&self, node: &mut Node, path: &str) {
        match &mut node.value {
            Value::Text(text) if text.contains("${") => {
                node.value = Value::Spelled(self.text(text, node.line, path));
            }
            Value::Array(nodes) => nodes.iter_mut().for_each(|node| self.node(node, path)),
            Value::Table(entries) => self.entries(entries, path),
            _ => {}
        }
    }

    fn text(&self, text: &str, line: usize, path: &str) -> String {
        let mut result = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            result.push_str(before);
            let Some((inside, after)) = after.split_once('}') else {
                let what = "expected `}` after `${`, found the end of the text";
                self.problems.add(line, path, what);
                return result;
            };
            let (name, default) = match inside.split_once('|') {
                Some((name, default)) => (name.trim(), Some(default)),
                None => (inside.trim(), None),
            };
            match (self.variable)(name).or_else(|| default.map(str::to_owned)) {
                Some(value) => result.push_str(&value),
                None => {
                    let what = format!(
                        "expected the environment variable {name}, found it unset; set it, or \
                         write `${{{name}|default}}`"
                    );
                    self.problems.add(line, path, what);
                }
            }
            rest = after;
        }
        result + rest
    }
}
