//! The types that a field of an element may have.

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::{Kind, Value};

/// A stored value that is not of the type its field has in the code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("[PE0105] {}expected {expected}, found {found}", place(*field))]
pub struct Mismatch {
    /// The field that the value is for, where that is known.
    pub field: Option<&'static str>,
    /// What the code wants.
    pub expected: &'static str,
    /// What the store holds.
    pub found: String,
}

impl Mismatch {
    /// A mismatch between what the code wants and this value.
    #[must_use]
    pub fn new(expected: &'static str, found: &Value) -> Self {
        let found = match found {
            Value::Null => found.kind_name().to_owned(),
            found => format!("{} ({})", found.kind_name(), found.to_key()),
        };
        Self {
            field: None,
            expected,
            found,
        }
    }

    /// The same mismatch, in the field with this name.
    #[must_use]
    pub const fn in_field(mut self, name: &'static str) -> Self {
        self.field = Some(name);
        self
    }
}

fn place(field: Option<&'static str>) -> String {
    field
        .map(|name| format!("in field {name}: "))
        .unwrap_or_default()
}

/// What the rules look at in a value, without copying it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Measure<'a> {
    /// An optional field without a value.
    Absent,
    /// Text; `max` and `min` count its characters.
    Text(&'a str),
    /// A whole number.
    Integer(i64),
    /// A floating point number.
    Float(f64),
    /// An exact decimal number.
    Decimal(Decimal),
    /// A value that no built-in rule applies to.
    Other,
}

/// A type that a field may have: how it is stored and what its rules look at.
///
/// Implemented for text, numbers, booleans, [`Decimal`], [`Uuid`], [`Timestamp`], typed ids and
/// options of those.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the type of a field",
    note = "use String, an integer, f64, bool, Decimal, Uuid, Timestamp, a typed id, or an Option of one of those",
    note = "to use a type of your own, implement `FieldType` for it"
)]
pub trait FieldType: Sized + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The kind of column that holds it.
    const KIND: Kind;
    /// Whether it may be absent.
    const OPTIONAL: bool = false;

    /// The value to store.
    fn to_value(&self) -> Value;

    /// The value that was stored.
    ///
    /// # Errors
    /// When the stored value is of another type.
    fn from_value(value: Value) -> Result<Self, Mismatch>;

    /// What the rules look at.
    fn measure(&self) -> Measure<'_> {
        Measure::Other
    }
}

impl FieldType for String {
    const KIND: Kind = Kind::Text;

    fn to_value(&self) -> Value {
        Value::Text(self.clone())
    }

    fn from_value(value: Value) -> Result<Self, Mismatch> {
        match value {
            Value::Text(text) => Ok(text),
            other => Err(Mismatch::new("text", &other)),
        }
    }

    fn measure(&self) -> Measure<'_> {
        Measure::Text(self)
    }
}

macro_rules! integers {
    ($($integer:ty),*) => {$(
        impl FieldType for $integer {
            const KIND: Kind = Kind::Integer;

            fn to_value(&self) -> Value {
                Value::Integer(i64::from(*self))
            }

            fn from_value(value: Value) -> Result<Self, Mismatch> {
                let Value::Integer(number) = value else {
                    return Err(Mismatch::new(stringify!($integer), &value));
                };
                Self::try_from(number).map_err(|_| Mismatch::new(stringify!($integer), &value))
            }

            fn measure(&self) -> Measure<'_> {
                Measure::Integer(i64::from(*self))
            }
        }
    )*};
}

integers!(i8, i16, i32, i64, u8, u16, u32);

impl FieldType for f64 {
    const KIND: Kind = Kind::Float;

    fn to_value(&self) -> Value {
        Value::Float(*self)
    }

    fn from_value(value: Value) -> Result<Self, Mismatch> {
        match value {
            Value::Float(number) => Ok(number),
            #[allow(clippy::cast_precision_loss, reason = "a store may hold 1.0 as 1")]
            Value::Integer(number) => Ok(number as Self),
            other => Err(Mismatch::new("a number", &other)),
        }
    }

    fn measure(&self) -> Measure<'_> {
        Measure::Float(*self)
    }
}

impl FieldType for bool {
    const KIND: Kind = Kind::Boolean;

    fn to_value(&self) -> Value {
        Value::Boolean(*self)
    }

    fn from_value(value: Value) -> Result<Self, Mismatch> {
        match value {
            Value::Boolean(value) => Ok(value),
            other => Err(Mismatch::new("a boolean", &other)),
        }
    }
}

impl FieldType for Decimal {
    const KIND: Kind = Kind::Decimal;

    fn to_value(&self) -> Value {
        Value::Decimal(*self)
    }

    fn from_value(value: Value) -> Result<Self, Mismatch> {
        match value {
            Value::Decimal(value) => Ok(value),
            other => Err(Mismatch::new("a decimal", &other)),
        }
    }

    fn measure(&self) -> Measure<'_> {
        Measure::Decimal(*self)
    }
}

impl FieldType for Uuid {
    const KIND: Kind = Kind::Uuid;

    fn to_value(&self) -> Value {
        Value::Uuid(*self)
    }

    fn from_value(value: Value) -> Result<Self, Mismatch> {
        match value {
            Value::Uuid(value) => Ok(value),
            other => Err(Mismatch::new("a UUID", &other)),
        }
    }
}

impl FieldType for Timestamp {
    const KIND: Kind = Kind::Timestamp;

    fn to_value(&self) -> Value {
        Value::Timestamp(self.as_microsecond())
    }

    fn from_value(value: Value) -> Result<Self, Mismatch> {
        match value {
            Value::Timestamp(micros) => Self::from_microsecond(micros)
                .map_err(|_| Mismatch::new("a timestamp", &Value::Timestamp(micros))),
            other => Err(Mismatch::new("a timestamp", &other)),
        }
    }
}

impl<T: FieldType> FieldType for Option<T> {
    const KIND: Kind = T::KIND;
    const OPTIONAL: bool = true;

    fn to_value(&self) -> Value {
        self.as_ref().map_or(Value::Null, FieldType::to_value)
    }

    fn from_value(value: Value) -> Result<Self, Mismatch> {
        match value {
            Value::Null => Ok(None),
            value => T::from_value(value).map(Some),
        }
    }

    fn measure(&self) -> Measure<'_> {
        self.as_ref().map_or(Measure::Absent, FieldType::measure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_survive_the_way_to_a_store_and_back() {
        assert_eq!(i32::from_value((-7_i32).to_value()), Ok(-7));
        assert_eq!(
            String::from_value("x".to_owned().to_value()),
            Ok("x".to_owned())
        );
        assert_eq!(Option::<i64>::from_value(None::<i64>.to_value()), Ok(None));
        let now = Timestamp::from_microsecond(1_700_000_000_123_456).expect("in range");
        assert_eq!(Timestamp::from_value(now.to_value()), Ok(now));
    }

    #[test]
    fn a_mismatch_says_what_was_found() {
        let error = u8::from_value(Value::Integer(300)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "[PE0105] expected u8, found a whole number (300)"
        );
        let error = u8::from_value(Value::Null)
            .unwrap_err()
            .in_field("quantity");
        assert_eq!(
            error.to_string(),
            "[PE0105] in field quantity: expected u8, found nothing"
        );
    }
}
