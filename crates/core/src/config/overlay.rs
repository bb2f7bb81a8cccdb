//! Overlays: tables of settings for one environment, such as `[production]`.

use super::tree::{Entries, Value};

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
        match (base.get_mut(&key).map(|node| &mut node.value), node.value) {
            (Some(Value::Table(base)), Value::Table(over)) => merge(base, over),
            (_, value) => {
                let line = node.line;
                base.insert(key, super::tree::Node { line, value });
            }
        }
    }
}
