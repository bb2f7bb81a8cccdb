//! Aggregates and projections as rows.

use protean::prelude::{Decimal, Timestamp};
use protean::schema::{FieldType, Record, Value};

use crate::shop::{Order, OrderId, OrderSummary};

#[test]
fn a_row_holds_the_values_in_the_order_of_the_code() {
    let order = Order::example();
    assert_eq!(
        order.to_row(),
        [
            order.id.to_value(),
            Value::from("Ada"),
            Value::Integer(2),
            Value::Decimal(Decimal::new(1999, 2)),
            Value::from("rush"),
            Value::Null,
            Value::from("book"),
            Value::Float(0.5),
            Value::Boolean(true),
            Value::Timestamp(0),
        ]
    );
    assert_eq!(order.to_row().len(), Order::SCHEMA.fields.len());
}

#[test]
fn a_record_survives_the_way_to_its_row_and_back() {
    let placed_at = Timestamp::from_microsecond(1_700_000_000_123_456).unwrap();
    let order = Order {
        placed_at,
        reference: Some("r-1".to_owned()),
        ..Order::example()
    };
    assert_eq!(Order::from_row(order.to_row()), Ok(order.clone()));
    assert_eq!(*order.id(), order.id);

    let summary = OrderSummary {
        order_id: OrderId::new(),
        customer: "Ada".to_owned(),
    };
    assert_eq!(OrderSummary::from_row(summary.to_row()), Ok(summary));
}

#[test]
fn a_row_that_does_not_fit_names_the_field() {
    let mut row = Order::example().to_row();
    row[2] = Value::Integer(-1);
    assert_eq!(
        Order::from_row(row).unwrap_err().to_string(),
        "[PE0105] in field quantity: expected u32, found a whole number (-1)"
    );
    let short = vec![OrderId::new().to_value()];
    assert_eq!(
        OrderSummary::from_row(short).unwrap_err().to_string(),
        "[PE0105] in field customer: expected text, found nothing"
    );
}

#[test]
fn the_default_stands_in_for_what_a_row_does_not_hold() {
    let mut row = Order::example().to_row();
    row[4] = Value::Null;
    assert_eq!(Order::from_row(row).unwrap().speed, "normal");
}
