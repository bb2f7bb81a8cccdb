//! The fields of a request's body, read with everything that is wrong with them told at once.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use protean::domain::Payload;
use protean::prelude::{Decimal, Invalid};
use serde_json::{Map, Value};

use super::error::ApiError;

/// A body, field by field.
pub(super) struct Fields {
    values: Map<String, Value>,
    invalid: Invalid,
}

impl Fields {
    /// The fields of a body, which must be a JSON object.
    pub(super) fn of(body: Result<Bytes, BytesRejection>) -> Result<Self, ApiError> {
        let body = body.map_err(|why| ApiError::new(why.status(), "body", why.body_text()))?;
        match serde_json::from_slice(&body) {
            Ok(Value::Object(values)) => Ok(Self {
                values,
                invalid: Invalid::default(),
            }),
            Ok(other) => Err(wrong_body(&format!("found {}", kind(&other)))),
            Err(error) => Err(wrong_body(&error.to_string())),
        }
    }

    /// A text. What is missing is empty, which the command's own rules tell.
    pub(super) fn text(&mut self, name: &str) -> String {
        self.optional_text(name).unwrap_or_default()
    }

    /// A text that may be missing.
    pub(super) fn optional_text(&mut self, name: &str) -> Option<String> {
        match self.values.remove(name) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text),
            Some(other) => {
                self.expected(name, "a text", &other);
                None
            }
        }
    }

    /// A whole number.
    pub(super) fn integer(&mut self, name: &str) -> i64 {
        let value = self.required(name);
        let number = value.as_i64();
        if number.is_none() && !value.is_null() {
            self.expected(name, "a whole number", &value);
        }
        number.unwrap_or_default()
    }

    /// An amount, as a number or as a text.
    pub(super) fn decimal(&mut self, name: &str) -> Decimal {
        let value = self.required(name);
        let number = match &value {
            Value::Null => return Decimal::ZERO,
            Value::String(text) => text.parse().ok(),
            Value::Number(number) => {
                let text = number.to_string();
                text.parse()
                    .or_else(|_| Decimal::from_scientific(&text))
                    .ok()
            }
            _ => None,
        };
        if number.is_none() {
            self.expected(name, "an amount such as 9.99", &value);
        }
        number.unwrap_or_default()
    }

    /// The command made of the fields, if all of it is right.
    pub(super) fn finish<C: Payload>(mut self, command: C) -> Result<C, ApiError> {
        for name in self.values.keys() {
            self.invalid.add(name, "is not known here");
        }
        if let Err(broken) = command.check() {
            for (name, messages) in broken.fields() {
                // A field that was not read has told its reason; its stand-in breaks rules.
                if self.invalid.fields().contains_key(name) {
                    continue;
                }
                for message in messages {
                    self.invalid.add(name, message);
                }
            }
        }
        self.invalid.into_result()?;
        Ok(command)
    }

    fn required(&mut self, name: &str) -> Value {
        let value = self.values.remove(name).unwrap_or_default();
        if value.is_null() {
            self.invalid.add(name, "is required");
        }
        value
    }

    fn expected(&mut self, name: &str, what: &str, found: &Value) {
        self.invalid
            .add(name, format!("expected {what}, found {found}"));
    }
}

fn wrong_body(why: &str) -> ApiError {
    Invalid::field("body", format!("expected a JSON object: {why}")).into()
}

const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}
