//! Commands by name: what a domain takes from whoever does not know its types, as an import does.

use std::sync::Arc;

use super::Command;
use crate::naming;
use crate::schema::{Invalid, Record, Schema};

/// What stands for a command as a whole in an [`Invalid`], when no field is to blame.
pub const WHOLE: &str = "_command";

/// The way of one type of command into the domain, with the type erased.
///
/// What it prepares obeys the same rules as a command that is given to
/// [`App::process`](crate::App::process).
#[derive(Debug)]
pub struct Intake {
    /// The command's fields, and its name.
    pub schema: &'static Schema,
    /// The version in the message's type.
    pub version: u32,
    type_name: Arc<str>,
    stream: Arc<str>,
    read: fn(&str) -> Result<Content, Invalid>,
}

/// A command that keeps its rules, with its type erased. Given to
/// [`App::process_prepared`](crate::App::process_prepared).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    /// `Bookshelf.AddBook.v1`.
    pub(crate) type_name: Arc<str>,
    /// The stream it goes to: `bookshelf::book:command`.
    pub(crate) stream: Arc<str>,
    pub(crate) content: Content,
}

/// What a message says of the command it carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Content {
    /// The identity of the aggregate, if the command names one.
    pub(crate) key: Option<String>,
    /// The payload.
    pub(crate) data: String,
}

impl Content {
    pub(crate) fn of<C: Command>(command: &C) -> Result<Self, serde_json::Error> {
        Ok(Self {
            data: serde_json::to_string(command)?,
            key: command.key(),
        })
    }
}

impl Prepared {
    /// The type of its message: `Bookshelf.AddBook.v1`.
    #[must_use]
    pub fn type_name(&self) -> &str {
        &self.type_name
    }

    /// The identity of the aggregate, if the command names one (L8).
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        self.content.key.as_deref()
    }

    /// The payload: a JSON object with sorted keys and no white space.
    #[must_use]
    pub fn data(&self) -> &str {
        &self.content.data
    }
}

impl Intake {
    pub(super) fn of<C: Command>(domain: &str) -> Self {
        let table = <C::Aggregate as Record>::SCHEMA.table;
        Self {
            schema: C::SCHEMA,
            version: C::VERSION,
            type_name: naming::message_type(domain, C::NAME, C::VERSION).into(),
            stream: naming::command_stream(domain, table).into(),
            read: read::<C>,
        }
    }

    /// The command's name in the code: `AddBook`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.schema.name
    }

    /// The type of the command's messages: `Bookshelf.AddBook.v1`.
    #[must_use]
    pub fn type_name(&self) -> &str {
        &self.type_name
    }

    /// The command that a JSON object describes.
    ///
    /// # Errors
    /// What keeps it from being one, field by field: a value that is missing, unknown or of another
    /// type, or else every rule that is broken. Text that is no JSON object is told under [`WHOLE`].
    pub fn prepare(&self, json: &str) -> Result<Prepared, Invalid> {
        Ok(Prepared {
            content: (self.read)(json)?,
            type_name: self.type_name.clone(),
            stream: self.stream.clone(),
        })
    }
}

fn read<C: Command>(json: &str) -> Result<Content, Invalid> {
    let command: C = serde_json::from_str(json).map_err(|error| unreadable(&error, C::SCHEMA))?;
    command.check()?;
    Content::of(&command).map_err(|error| Invalid::field(WHOLE, error.to_string()))
}

/// What serde says, under the field that it is about. Whoever made the object out of something else
/// knows nothing of its columns, so they are left out.
fn unreadable(error: &serde_json::Error, schema: &Schema) -> Invalid {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let text = text.strip_suffix(&place).unwrap_or(&text);
    let quoted = text.split('`').nth(1);
    let Some((_, field)) = quoted.and_then(|name| schema.field(name)) else {
        return match quoted.filter(|_| text.starts_with("unknown field")) {
            Some(name) => Invalid::field(name, format!("is no field of {}", schema.name)),
            None => Invalid::field(WHOLE, text),
        };
    };
    let prefix = format!("`{}`: ", field.name);
    match text.strip_prefix(&prefix) {
        Some(message) => Invalid::field(field.name, message),
        None if text.starts_with("missing field") => Invalid::field(field.name, "is required"),
        None => Invalid::field(field.name, text),
    }
}
