//! Values as they pass between the domain and a store.

use rust_decimal::Decimal;
use uuid::Uuid;

/// The values of one row, in the order of its schema's fields.
pub type Row = Vec<Value>;

/// One value on its way to or from a store.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// No value.
    Null,
    /// True or false.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A floating point number.
    Float(f64),
    /// Text.
    Text(String),
    /// An exact decimal number.
    Decimal(Decimal),
    /// A UUID.
    Uuid(Uuid),
    /// Microseconds since the Unix epoch, UTC.
    Timestamp(i64),
    /// A JSON document, as text.
    Json(String),
}

impl Value {
    /// The value as the text that identifies it in messages, logs and keys.
    #[must_use]
    pub fn to_key(&self) -> String {
        match self {
            Self::Null => String::new(),
            Self::Boolean(value) => value.to_string(),
            Self::Integer(value) | Self::Timestamp(value) => value.to_string(),
            Self::Float(value) => value.to_string(),
            Self::Text(value) | Self::Json(value) => value.clone(),
            Self::Decimal(value) => value.to_string(),
            Self::Uuid(value) => value.to_string(),
        }
    }

    /// What the value is, for error messages.
    #[must_use]
    pub const fn kind_name(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Boolean(_) => "a boolean",
            Self::Integer(_) => "a whole number",
            Self::Float(_) => "a number",
            Self::Text(_) => "text",
            Self::Decimal(_) => "a decimal",
            Self::Uuid(_) => "a UUID",
            Self::Timestamp(_) => "a timestamp",
            Self::Json(_) => "JSON",
        }
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<Uuid> for Value {
    fn from(value: Uuid) -> Self {
        Self::Uuid(value)
    }
}
