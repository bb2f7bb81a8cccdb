//! One table, read key by key; what is left over in the end is not known.

use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use super::nearest::nearest;
use super::problem::Problems;
use super::secret::Secret;
use super::tree::{Entries, Node, Value};

/// One table of a configuration.
pub(super) struct Table<'a> {
    path: String,
    entries: Entries,
    /// The keys asked for so far, which are the valid ones.
    known: Vec<&'static str>,
    problems: &'a Problems,
}

impl<'a> Table<'a> {
    pub(super) const fn root(entries: Entries, problems: &'a Problems) -> Self {
        Self {
            path: String::new(),
            entries,
            known: Vec::new(),
            problems,
        }
    }

    /// The table under a key.
    pub(super) fn table(&mut self, key: &'static str) -> Option<Self> {
        let node = self.take(key)?;
        self.as_table(key, node)
    }

    /// A switch that may also be a table: `true`, `false`, or the table.
    pub(super) fn switch_or_table(&mut self, key: &'static str, slot: &mut bool) -> Option<Self> {
        let node = self.take(key)?;
        match boolean(&node.value) {
            Some(value) => {
                *slot = value;
                None
            }
            None if matches!(node.value, Value::Table(_)) => self.as_table(key, node),
            None => {
                self.wrong(key, &node, "true, false or a table");
                None
            }
        }
    }

    /// All tables under a key, by name.
    pub(super) fn tables(self) -> Vec<(String, Self)> {
        let Self {
            path,
            entries,
            problems,
            ..
        } = self;
        let parent = Self {
            path,
            entries: Entries::new(),
            known: Vec::new(),
            problems,
        };
        let tables = entries.into_iter().filter_map(|(name, node)| {
            let table = parent.as_table(&name, node)?;
            Some((name, table))
        });
        tables.collect()
    }

    /// A table of the application, as it is.
    pub(super) fn verbatim(&mut self, key: &'static str, slot: &mut toml::Table) {
        let Some(node) = self.take(key) else { return };
        match node.clone().into_toml() {
            toml::Value::Table(table) => *slot = table,
            _ => self.wrong(key, &node, "a table"),
        }
    }

    /// A whole number in a range.
    pub(super) fn integer<T: TryFrom<i64>>(
        &mut self,
        key: &'static str,
        range: RangeInclusive<i64>,
        slot: &mut T,
    ) {
        let Some(node) = self.take(key) else { return };
        let number = match &node.value {
            Value::Integer(number) => Some(*number),
            Value::Spelled(text) => text.trim().parse().ok(),
            _ => None,
        };
        let fits = number.filter(|number| range.contains(number));
        match fits.and_then(|number| T::try_from(number).ok()) {
            Some(number) => *slot = number,
            None => {
                let wanted = format!("a whole number from {} to {}", range.start(), range.end());
                self.wrong(key, &node, &wanted);
            }
        }
    }

    /// A number in a range; says whether there was one.
    pub(super) fn number(
        &mut self,
        key: &'static str,
        range: RangeInclusive<f64>,
        slot: &mut f64,
    ) -> bool {
        let Some(node) = self.take(key) else {
            return false;
        };
        #[allow(clippy::cast_precision_loss, reason = "configured numbers are small")]
        let number = match &node.value {
            Value::Integer(number) => Some(*number as f64),
            Value::Float(number) => Some(*number),
            Value::Spelled(text) => text.trim().parse().ok(),
            _ => None,
        };
        let Some(number) = number.filter(|number| range.contains(number)) else {
            let wanted = format!("a number from {} to {}", range.start(), range.end());
            self.wrong(key, &node, &wanted);
            return false;
        };
        *slot = number;
        true
    }

    /// A time in seconds; says whether there was one.
    pub(super) fn seconds(
        &mut self,
        key: &'static str,
        range: RangeInclusive<f64>,
        slot: &mut Duration,
    ) -> bool {
        let mut seconds = 0.0;
        let found = self.number(key, range, &mut seconds);
        if let (true, Ok(time)) = (found, Duration::try_from_secs_f64(seconds)) {
            *slot = time;
        }
        found
    }

    pub(super) fn boolean(&mut self, key: &'static str, slot: &mut bool) {
        let Some(node) = self.take(key) else { return };
        match boolean(&node.value) {
            Some(value) => *slot = value,
            None => self.wrong(key, &node, "true or false"),
        }
    }

    /// A text that is not empty.
    pub(super) fn text(&mut self, key: &'static str) -> Option<String> {
        let node = self.take(key)?;
        match &node.value {
            Value::Text(text) | Value::Spelled(text) if !text.is_empty() => Some(text.clone()),
            _ => {
                self.wrong(key, &node, "a text that is not empty");
                None
            }
        }
    }

    /// A text that means something else.
    pub(super) fn parsed<T: FromStr>(&mut self, key: &'static str, wanted: &str, slot: &mut T) {
        let Some(node) = self.take(key) else { return };
        let parsed = match &node.value {
            Value::Text(text) | Value::Spelled(text) => text.trim().parse().ok(),
            _ => None,
        };
        match parsed {
            Some(value) => *slot = value,
            None => self.wrong(key, &node, wanted),
        }
    }

    /// A text that may hold a password.
    pub(super) fn secret(&mut self, key: &'static str) -> Option<Secret> {
        self.text(key).map(Secret::new)
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(
        &mut self,
        key: &'static str,
        choices: &[(&'static str, T)],
        slot: &mut T,
    ) {
        let Some(node) = self.take(key) else { return };
        let found = match &node.value {
            Value::Text(text) | Value::Spelled(text) => {
                choices.iter().find(|(word, _)| word == text)
            }
            _ => None,
        };
        match found {
            Some((_, value)) => *slot = *value,
            None => {
                let words: Vec<_> = choices
                    .iter()
                    .map(|(word, _)| format!("\"{word}\""))
                    .collect();
                self.wrong(key, &node, &words.join(" or "));
            }
        }
    }

    /// Keys that only Protean for Python gives a meaning.
    pub(super) fn foreign(&mut self, keys: &[&str]) {
        for key in keys {
            if let Some(node) = self.entries.remove(*key) {
                let what = "known to Protean for Python, has no effect here; remove it";
                self.problems.add(node.line, self.path_of(key), what);
            }
        }
    }

    /// Reports what nobody asked for.
    pub(super) fn finish(self) {
        for (key, node) in &self.entries {
            let advice = match nearest(key, self.known.iter().copied()) {
                Some(known) => format!("did you mean `{known}`?"),
                None => format!("expected one of {}", self.known.join(", ")),
            };
            let what = format!("unknown key; {advice}");
            self.problems.add(node.line, self.path_of(key), what);
        }
    }

    /// Reports a value that is not as wanted.
    pub(super) fn wrong(&self, key: &str, node: &Node, wanted: &str) {
        let what = format!("expected {wanted}, found {}", node.value.describe());
        self.problems.add(node.line, self.path_of(key), what);
    }

    fn take(&mut self, key: &'static str) -> Option<Node> {
        self.known.push(key);
        self.entries.remove(key)
    }

    fn as_table(&self, key: &str, node: Node) -> Option<Self> {
        match node.value {
            Value::Table(entries) => Some(Self {
                path: self.path_of(key),
                entries,
                known: Vec::new(),
                problems: self.problems,
            }),
            _ => {
                self.wrong(key, &node, "a table");
                None
            }
        }
    }

    fn path_of(&self, key: &str) -> String {
        match self.path.as_str() {
            "" => key.to_owned(),
            path => format!("{path}.{key}"),
        }
    }
}

fn boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Boolean(boolean) => Some(*boolean),
        Value::Spelled(text) => text.trim().parse().ok(),
        _ => None,
    }
}
