//! One row as the JSON object of a command.

use serde_json::value::RawValue;

use super::{Extra, Mapping, Origin, Target, convert};
use crate::object;
use crate::read::{Content, Fields, Problem, Row};

impl Mapping {
    /// Writes the JSON object that a row describes over `json`.
    ///
    /// # Errors
    /// Every value that is none of its field's kind.
    pub fn write(&self, row: &Row, json: &mut Vec<u8>) -> Result<(), Vec<Problem>> {
        json.clear();
        let mut object = Object {
            json,
            problems: Vec::new(),
        };
        match &row.content {
            Content::Fields(fields) => self.write_fields(fields, &mut object),
            Content::Object(line) => self.write_object(line, &mut object),
        }
        object.end()
    }

    fn write_fields(&self, fields: &Fields, object: &mut Object<'_>) {
        for target in &self.targets {
            match &target.origin {
                Origin::Column { name, at } => {
                    let convert =
                        |json: &mut Vec<u8>| convert::text(target.field, fields.get(*at), json);
                    object.member(target, name, convert);
                }
                Origin::Constant(constant) => object.constant(target, constant),
            }
        }
    }

    fn write_object(&self, line: &str, object: &mut Object<'_>) {
        let line = object::own(line);
        if object::is_lossy(&line) {
            let message = "expected text, found bytes that are none (where \u{fffd} stands)";
            return object.problems.push(Problem::whole(message));
        }
        let members = match object::members(&line) {
            Ok(members) => members,
            Err(message) => return object.problems.push(Problem::whole(message)),
        };
        let mut values: Vec<Option<&RawValue>> = vec![None; self.targets.len()];
        for (key, value) in members {
            match self.keys.get(&*key) {
                Some(Some(nth)) if values[*nth].is_some() => {
                    object.problems.push(Problem::of(key, "stands there twice"));
                }
                Some(Some(nth)) => values[*nth] = Some(value),
                None if self.extra == Extra::Doubted => {
                    let message =
                        format!("is no field of {}, and not in the first row", self.command);
                    object.problems.push(Problem::of(key, message));
                }
                Some(None) | None => {}
            }
        }
        for (target, value) in self.targets.iter().zip(values) {
            match (&target.origin, value) {
                (Origin::Column { name, .. }, Some(value)) => {
                    let convert = |json: &mut Vec<u8>| convert::value(target.field, value, json);
                    object.member(target, name, convert);
                }
                (Origin::Column { name, .. }, None) => {
                    let convert = |json: &mut Vec<u8>| convert::text(target.field, None, json);
                    object.member(target, name, convert);
                }
                (Origin::Constant(constant), _) => object.constant(target, constant),
            }
        }
    }
}

/// An object while it is written.
struct Object<'a> {
    json: &'a mut Vec<u8>,
    problems: Vec<Problem>,
}

impl Object<'_> {
    /// Writes a member whose value is what `convert` writes; nothing when it writes nothing.
    fn member(
        &mut self,
        target: &Target,
        name: &str,
        convert: impl FnOnce(&mut Vec<u8>) -> Result<(), String>,
    ) {
        let before = self.json.len();
        self.key(target);
        let value = self.json.len();
        let converted = convert(self.json);
        if converted.is_err() || self.json.len() == value {
            self.json.truncate(before);
        }
        if let Err(message) = converted {
            self.problems.push(Problem::of(name, message));
        }
    }

    fn constant(&mut self, target: &Target, constant: &[u8]) {
        self.key(target);
        self.json.extend_from_slice(constant);
    }

    fn key(&mut self, target: &Target) {
        let separator = if self.json.is_empty() { b'{' } else { b',' };
        self.json.push(separator);
        // The names of fields are identifiers of Rust: nothing in them has to be escaped.
        self.json.push(b'"');
        self.json.extend_from_slice(target.field.name.as_bytes());
        self.json.extend_from_slice(b"\":");
    }

    fn end(self) -> Result<(), Vec<Problem>> {
        if !self.problems.is_empty() {
            return Err(self.problems);
        }
        if self.json.is_empty() {
            self.json.push(b'{');
        }
        self.json.push(b'}');
        Ok(())
    }
}
