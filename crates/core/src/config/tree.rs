//! The text as a tree of values, each with its line.

use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::Problems;

/// A value and the line it stands on.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) line: usize,
    pub(super) value: Value,
}

/// The keys of a table.
pub(super) type Entries = BTreeMap<String, Node>;

#[derive(Clone, Debug)]
pub(super) enum Value {
    Text(String),
    /// A text that a variable had a part in: it may spell a number or a boolean.
    Spelled(String),
    Integer(i64),
    Float(f64),
    Boolean(bool),
    Array(Vec<Node>),
    Table(Entries),
}

impl Value {
    /// What it is, in a sentence about what was found.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Text(text) | Self::Spelled(text) => format!("\"{text}\""),
            Self::Integer(number) => number.to_string(),
            Self::Float(number) => number.to_string(),
            Self::Boolean(boolean) => boolean.to_string(),
            Self::Array(_) => "an array".to_owned(),
            Self::Table(_) => "a table".to_owned(),
        }
    }
}

impl Node {
    /// The value without its place.
    pub(super) fn into_toml(self) -> toml::Value {
        match self.value {
            Value::Text(text) | Value::Spelled(text) => toml::Value::String(text),
            Value::Integer(number) => toml::Value::Integer(number),
            Value::Float(number) => toml::Value::Float(number),
            Value::Boolean(boolean) => toml::Value::Boolean(boolean),
            Value::Array(nodes) => {
                toml::Value::Array(nodes.into_iter().map(Self::into_toml).collect())
            }
            Value::Table(entries) => {
                let entries = entries.into_iter();
                toml::Value::Table(entries.map(|(key, node)| (key, node.into_toml())).collect())
            }
        }
    }
}

/// Reads a text; none when it is no TOML, which is then a problem.
pub(super) fn parse(text: &str, problems: &Problems) -> Option<Entries> {
    let reader = Reader { text, problems };
    match DeTable::parse(text) {
        Ok(table) => Some(reader.entries(table.into_inner(), "")),
        Err(error) => {
            let line = error.span().map_or(1, |span| reader.line(span.start));
            problems.add(line, "", format!("expected TOML: {}", error.message()));
            None
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    problems: &'a Problems,
}

impl Reader<'_> {
    /// The line of a place in the text, from 1.
    fn line(&self, at: usize) -> usize {
        let before = self.text.as_bytes().iter().take(at);
        1 + before.filter(|byte| **byte == b'\n').count()
    }

    fn entries(&self, table: DeTable<'_>, path: &str) -> Entries {
        let nodes = table.into_iter().map(|(key, value)| {
            let line = self.line(key.span().start);
            let key = key.into_inner().into_owned();
            let path = match path {
                "" => key.clone(),
                path => format!("{path}.{key}"),
            };
            let value = self.value(value, &path);
            (key, Node { line, value })
        });
        nodes.collect()
    }

    fn value(&self, value: Spanned<DeValue<'_>>, path: &str) -> Value {
        let line = self.line(value.span().start);
        match value.into_inner() {
            DeValue::String(text) => Value::Text(text.into_owned()),
            DeValue::Integer(number) => {
                let digits: String = number
                    .as_str()
                    .chars()
                    .filter(|char| *char != '_')
                    .collect();
                match i64::from_str_radix(&digits, number.radix()) {
                    Ok(number) => Value::Integer(number),
                    Err(_) => {
                        self.problems.add(
                            line,
                            path,
                            format!("expected a number of at most 64 bits, found {digits}"),
                        );
                        Value::Integer(0)
                    }
                }
            }
            DeValue::Float(number) => {
                Value::Float(number.as_str().replace('_', "").parse().unwrap_or(f64::NAN))
            }
            DeValue::Boolean(boolean) => Value::Boolean(boolean),
            DeValue::Datetime(time) => Value::Text(time.to_string()),
            DeValue::Array(values) => {
                let nodes = values.into_iter().map(|value| Node {
                    line,
                    value: self.value(value, path),
                });
                Value::Array(nodes.collect())
            }
            DeValue::Table(table) => Value::Table(self.entries(table, path)),
        }
    }
}
