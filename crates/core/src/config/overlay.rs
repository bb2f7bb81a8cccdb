//! Overlays: tables of settings for one environment, such as `[production]`.

use super::tree::{Entries, Node, Value};

/// Keys that are a switch or a table with the key `enabled`, which are merged as tables.
const SWITCHES: [&str; 1] = ["priority_lanes"];

/// Lays the table called `chosen` over the rest, and takes all overlays out.
///
/// A table of the top level is an overlay when it is the chosen one, or when its name is no key of
/// the configuration but everything in it is.
pub(super) fn apply(
    mut tree: Entries,
    chosen: Option<&str>,
    known: &[&str],
    foreign: &[&str],
) -> Entries {
    let is_key = |key: &str| known.contains(&key) || foreign.contains(&key);
    let overlays: Vec<String> = tree
        .iter()
        .filter(|(name, node)| match &node.value {
            Value::Table(_) if is_key(name) => false,
            Value::Table(entries) => {
                Some(name.as_str()) == chosen
                    || !entries.is_empty() && entries.keys().all(|key| is_key(key))
            }
            _ => false,
        })
        .map(|(name, _)| name.clone())
        .collect();
    for name in overlays {
        let overlay = tree.remove(&name);
        if let Some(Value::Table(entries)) = overlay.map(|node| node.value)
            && Some(name.as_str()) == chosen
        {
            merge(&mut tree, entries);
        }
    }
    tree
}

/// Tables are merged key by key; anything else is replaced.
fn merge(base: &mut Entries, over: Entries) {
    for (key, node) in over {
        let node = if SWITCHES.contains(&key.as_str()) {
            as_table(node)
        } else {
            node
        };
        let known = base.remove(&key).map(|known| match &node.value {
            Value::Table(_) if SWITCHES.contains(&key.as_str()) => as_table(known),
            _ => known,
        });
        let merged = match (known.map(|known| known.value), node.value) {
            (Some(Value::Table(mut base)), Value::Table(over)) => {
                merge(&mut base, over);
                Value::Table(base)
            }
            (_, value) => value,
        };
        let line = node.line;
        base.insert(
            key,
            Node {
                line,
                value: merged,
            },
        );
    }
}

/// A switch in the form of a table: `true` is `{ enabled = true }`.
fn as_table(node: Node) -> Node {
    let Node { line, value } = node;
    let value = match value {
        Value::Boolean(_) | Value::Spelled(_) | Value::Text(_) => {
            let enabled = Node { line, value };
            Value::Table(Entries::from([("enabled".to_owned(), enabled)]))
        }
        other => other,
    };
    Node { line, value }
}
