//! What is said about columns and fields, beyond their names.

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// What is said about columns and fields. What is not said goes by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Plan {
    /// Fields that are called otherwise in the file.
    pub columns: Vec<Assignment>,
    /// Fields that have one value in all rows, written as it would be in the file.
    pub constants: Vec<Assignment>,
    /// What becomes of columns that are not used.
    pub extra: Extra,
}

/// `field=something`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    /// The field of the command.
    pub field: String,
    /// The column, or the constant.
    pub value: String,
}

/// What becomes of columns that are not used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Extra {
    /// They are ignored and told, unless one looks like a field that would stay empty: that would
    /// lose its values without a word, so it is an error.
    #[default]
    Doubted,
    /// They are ignored.
    Ignored,
}

impl std::str::FromStr for Assignment {
    type Err = Error;

    /// Reads `field=something`; the something may be empty, and have more equals signs.
    fn from_str(text: &str) -> Result<Self, Error> {
        match text.split_once('=') {
            Some((field, value)) if !field.trim().is_empty() => Ok(Self {
                field: field.trim().to_owned(),
                value: value.to_owned(),
            }),
            _ => Err(Error::Option {
                expected: "a field and what it gets, as in price_amount=price".to_owned(),
                found: text.to_owned(),
            }),
        }
    }
}
