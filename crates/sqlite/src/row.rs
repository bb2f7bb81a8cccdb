//! Values on their way into and out of columns.

use protean_core::port;
use protean_core::port::store::Stored;
use protean_core::schema::{Field, Kind, Schema, Value};
use rusqlite::Row;
use rusqlite::types::{ToSql, ToSqlOutput, Value as Owned, ValueRef};
use rust_decimal::Decimal;
use uuid::Uuid;

/// A value as a parameter of a statement; text is lent, not copied.
pub(crate) struct Bind<'v>(pub(crate) &'v Value);

impl ToSql for Bind<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self.0 {
            Value::Null => ToSqlOutput::Owned(Owned::Null),
            Value::Boolean(value) => ToSqlOutput::Owned(Owned::Integer(i64::from(*value))),
            Value::Integer(value) | Value::Timestamp(value) => {
                ToSqlOutput::Owned(Owned::Integer(*value))
            }
            Value::Float(value) => ToSqlOutput::Owned(Owned::Real(*value)),
            Value::Text(value) | Value::Json(value) => {
                ToSqlOutput::Borrowed(ValueRef::Text(value.as_bytes()))
            }
            Value::Decimal(value) => ToSqlOutput::Owned(Owned::Text(value.to_string())),
            Value::Uuid(value) => ToSqlOutput::Owned(Owned::Text(value.to_string())),
        })
    }
}

/// The row that a `SELECT` of a schema's columns, and then the version, found.
pub(crate) fn read(schema: &'static Schema, row: &Row<'_>) -> Result<Stored, port::Error> {
    let corrupt = |why: String| port::Error::Corrupt {
        table: schema.table.to_owned(),
        why,
    };
    let mut values = Vec::with_capacity(schema.fields.len());
    for (nth, field) in schema.fields.iter().enumerate() {
        let found = row
            .get_ref(nth)
            .map_err(|error| corrupt(error.to_string()))?;
        let value = value(field, found)
            .ok_or_else(|| corrupt(format!("column {} holds {}", field.name, found.data_type())))?;
        values.push(value);
    }
    let version = row
        .get(schema.fields.len())
        .map_err(|error| corrupt(error.to_string()))?;
    Ok(Stored {
        row: values,
        version,
    })
}

fn value(field: &Field, found: ValueRef<'_>) -> Option<Value> {
    if found == ValueRef::Null {
        return Some(Value::Null);
    }
    Some(match field.kind {
        Kind::Text => Value::Text(found.as_str().ok()?.to_owned()),
        Kind::Json => Value::Json(found.as_str().ok()?.to_owned()),
        Kind::Integer => Value::Integer(found.as_i64().ok()?),
        Kind::Timestamp => Value::Timestamp(found.as_i64().ok()?),
        Kind::Boolean => Value::Boolean(found.as_i64().ok()? != 0),
        Kind::Float => match found {
            ValueRef::Integer(number) => Value::Integer(number),
            found => Value::Float(found.as_f64().ok()?),
        },
        Kind::Decimal => Value::Decimal(decimal(field, found)?),
        Kind::Uuid => Value::Uuid(Uuid::try_parse(found.as_str().ok()?).ok()?),
    })
}

/// A numeric column holds what it was given as the shortest number that means the same; the scale
/// of the field says how many digits it is written with.
fn decimal(field: &Field, found: ValueRef<'_>) -> Option<Decimal> {
    let mut decimal = match found {
        ValueRef::Integer(number) => Decimal::from(number),
        ValueRef::Real(number) => number.to_string().parse().ok()?,
        found => found.as_str().ok()?.parse().ok()?,
    };
    if let Some(scale) = field.scale {
        decimal.rescale(scale);
    }
    Some(decimal)
}
