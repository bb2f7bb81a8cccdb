//! Values on their way into and out of columns.

use std::error::Error as StdError;

use jiff::Timestamp;
use protean_core::port;
use protean_core::port::store::Stored;
use protean_core::schema::{Field, Kind, Schema, Value};
use rust_decimal::Decimal;
use tokio_postgres::Row;
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, accepts, to_sql_checked};
use uuid::Uuid;

use crate::error::corrupt;

/// Microseconds from 1970 to 2000, where PostgreSQL counts from.
const EPOCH_MICROS: i64 = 946_684_800_000_000;

/// A moment, in microseconds since 1970: a `timestamptz`, without loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Micros(pub(crate) i64);

impl Micros {
    pub(crate) fn of(moment: Timestamp) -> Self {
        Self(moment.as_microsecond())
    }

    pub(crate) fn timestamp(self) -> Timestamp {
        Timestamp::from_microsecond(self.0).unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

impl ToSql for Micros {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        let micros = self.0.saturating_sub(EPOCH_MICROS);
        out.extend_from_slice(&micros.to_be_bytes());
        Ok(IsNull::No)
    }

    accepts!(TIMESTAMPTZ);
    to_sql_checked!();
}

impl<'a> FromSql<'a> for Micros {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        let micros = i64::from_be_bytes(raw.try_into()?);
        Ok(Self(micros.saturating_add(EPOCH_MICROS)))
    }

    accepts!(TIMESTAMPTZ);
}

/// A parameter of a statement.
pub(crate) type Parameter = Box<dyn ToSql + Sync + Send>;

/// The type of a field's column.
pub(crate) const fn column_type(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "text",
        Kind::Json => "json",
        Kind::Uuid => "uuid",
        Kind::Integer => "bigint",
        Kind::Timestamp => "timestamp with time zone",
        Kind::Boolean => "boolean",
        Kind::Float => "double precision",
        Kind::Decimal => "numeric",
    }
}

/// The type in which a column's values are sent and read: where PostgreSQL's own form would have to
/// be taken apart, as text.
pub(crate) const fn wire_type(kind: Kind) -> &'static str {
    match kind {
        Kind::Json | Kind::Decimal => "text",
        other => column_type(other),
    }
}

/// Some values of one field as an array, for `unnest`.
pub(crate) fn array<'v>(
    field: &Field,
    values: impl Iterator<Item = &'v Value>,
) -> Result<Parameter, port::Error> {
    Ok(match field.kind {
        Kind::Text | Kind::Json | Kind::Decimal => Box::new(collect(field, values, text)?),
        Kind::Uuid => Box::new(collect(field, values, uuid)?),
        Kind::Integer => Box::new(collect(field, values, integer)?),
        Kind::Timestamp => Box::new(collect(field, values, micros)?),
        Kind::Boolean => Box::new(collect(field, values, boolean)?),
        Kind::Float => Box::new(collect(field, values, float)?),
    })
}

/// One value of a field.
pub(crate) fn single(field: &Field, value: &Value) -> Result<Parameter, port::Error> {
    Ok(match field.kind {
        Kind::Text | Kind::Json | Kind::Decimal => Box::new(convert(field, value, text)?),
        Kind::Uuid => Box::new(convert(field, value, uuid)?),
        Kind::Integer => Box::new(convert(field, value, integer)?),
        Kind::Timestamp => Box::new(convert(field, value, micros)?),
        Kind::Boolean => Box::new(convert(field, value, boolean)?),
        Kind::Float => Box::new(convert(field, value, float)?),
    })
}

fn collect<'v, T>(
    field: &Field,
    values: impl Iterator<Item = &'v Value>,
    to: fn(&Value) -> Option<T>,
) -> Result<Vec<Option<T>>, port::Error> {
    values.map(|value| convert(field, value, to)).collect()
}

fn convert<T>(
    field: &Field,
    value: &Value,
    to: fn(&Value) -> Option<T>,
) -> Result<Option<T>, port::Error> {
    match value {
        Value::Null => Ok(None),
        value => to(value).map(Some).ok_or_else(|| mismatch(field, value)),
    }
}

fn mismatch(field: &Field, value: &Value) -> port::Error {
    port::Error::Failed {
        what: format!("column {}", field.name),
        why: format!(
            "expected {}, found {}",
            column_type(field.kind),
            value.kind_name()
        ),
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) | Value::Json(text) => Some(text.clone()),
        Value::Decimal(_) | Value::Integer(_) => Some(value.to_key()),
        _ => None,
    }
}

const fn uuid(value: &Value) -> Option<Uuid> {
    match value {
        Value::Uuid(uuid) => Some(*uuid),
        _ => None,
    }
}

const fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Integer(number) => Some(*number),
        _ => None,
    }
}

const fn micros(value: &Value) -> Option<Micros> {
    match value {
        Value::Timestamp(micros) => Some(Micros(*micros)),
        _ => None,
    }
}

const fn boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Boolean(value) => Some(*value),
        _ => None,
    }
}

#[allow(
    clippy::cast_precision_loss,
    reason = "a whole number in a column of floating point numbers is meant as one"
)]
const fn float(value: &Value) -> Option<f64> {
    match value {
        Value::Float(number) => Some(*number),
        Value::Integer(number) => Some(*number as f64),
        _ => None,
    }
}

/// The row that a `SELECT` of a schema's columns, and then the version, found.
pub(crate) fn read(schema: &'static Schema, row: &Row) -> Result<Stored, port::Error> {
    let broken = |error: tokio_postgres::Error| corrupt(schema.table, error.to_string());
    let mut values = Vec::with_capacity(schema.fields.len());
    for (nth, field) in schema.fields.iter().enumerate() {
        let value = column(field, row, nth).map_err(broken)?;
        values.push(value.unwrap_or(Value::Null));
    }
    Ok(Stored {
        row: values,
        version: row.try_get(schema.fields.len()).map_err(broken)?,
    })
}

fn column(field: &Field, row: &Row, nth: usize) -> Result<Option<Value>, tokio_postgres::Error> {
    Ok(match field.kind {
        Kind::Text => row.try_get::<_, Option<String>>(nth)?.map(Value::Text),
        Kind::Json => row.try_get::<_, Option<String>>(nth)?.map(Value::Json),
        Kind::Decimal => row
            .try_get::<_, Option<String>>(nth)?
            .and_then(|text| decimal(field, &text)),
        Kind::Uuid => row.try_get::<_, Option<Uuid>>(nth)?.map(Value::Uuid),
        Kind::Integer => row.try_get::<_, Option<i64>>(nth)?.map(Value::Integer),
        Kind::Timestamp => row
            .try_get::<_, Option<Micros>>(nth)?
            .map(|micros| Value::Timestamp(micros.0)),
        Kind::Boolean => row.try_get::<_, Option<bool>>(nth)?.map(Value::Boolean),
        Kind::Float => row.try_get::<_, Option<f64>>(nth)?.map(Value::Float),
    })
}

/// The scale of the field says how many digits a number is written with.
fn decimal(field: &Field, text: &str) -> Option<Value> {
    let mut decimal: Decimal = text.parse().ok()?;
    if let Some(scale) = field.scale {
        decimal.rescale(scale);
    }
    Some(Value::Decimal(decimal))
}
