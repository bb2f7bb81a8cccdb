//! The neutral descriptions of elements.

use protean::domain::Payload;
use protean::naming;
use protean::schema::{Element, Field, Kind, Limit, Record, Schema};

use crate::shop::{
    CountProducts, Order, OrderPlaced, OrderSummary, PlaceOrder, Product, ShipOrder,
};

fn field(schema: &'static Schema, name: &str) -> &'static Field {
    schema.field(name).expect("the element has the field").1
}

#[test]
fn elements_say_what_they_are() {
    let elements = [
        (Order::SCHEMA, Element::Aggregate, "Order", "order"),
        (Product::SCHEMA, Element::Aggregate, "Product", "product"),
        (
            PlaceOrder::SCHEMA,
            Element::Command,
            "PlaceOrder",
            "place_order",
        ),
        (
            OrderPlaced::SCHEMA,
            Element::Event,
            "OrderPlaced",
            "order_placed",
        ),
    ];
    for (schema, element, name, table) in elements {
        assert_eq!(
            (schema.element, schema.name, schema.table),
            (element, name, table)
        );
        assert_eq!(schema.table, naming::snake_case(schema.name));
    }
    assert_eq!(OrderSummary::SCHEMA.element, Element::Projection);
    assert_eq!(OrderSummary::SCHEMA.table, "order_lines");
    assert!(CountProducts::SCHEMA.fields.is_empty());
}

#[test]
fn fields_keep_the_order_of_the_code() {
    let names: Vec<&str> = Order::SCHEMA
        .fields
        .iter()
        .map(|field| field.name)
        .collect();
    assert_eq!(
        names,
        [
            "id",
            "customer",
            "quantity",
            "price",
            "speed",
            "reference",
            "type",
            "weight",
            "gift",
            "placed_at"
        ]
    );
}

#[test]
fn fields_have_the_kinds_of_their_types() {
    let kinds: Vec<Kind> = Order::SCHEMA
        .fields
        .iter()
        .map(|field| field.kind)
        .collect();
    assert_eq!(
        kinds,
        [
            Kind::Uuid,
            Kind::Text,
            Kind::Integer,
            Kind::Decimal,
            Kind::Text,
            Kind::Text,
            Kind::Text,
            Kind::Float,
            Kind::Boolean,
            Kind::Timestamp,
        ]
    );
}

#[test]
fn fields_say_what_is_written_above_them() {
    let schema = Order::SCHEMA;
    let named = |says: fn(&Field) -> bool| -> Vec<&str> {
        schema
            .fields
            .iter()
            .filter(|field| says(field))
            .map(|field| field.name)
            .collect()
    };
    assert_eq!(named(|field| field.identifier), ["id"]);
    assert_eq!(named(|field| field.optional), ["reference", "type"]);
    assert_eq!(named(|field| field.unique), ["reference"]);
    assert_eq!(named(|field| field.indexed), ["customer"]);
    assert_eq!(named(|field| field.defaulted), ["speed"]);
    assert_eq!(schema.identifier(), Some(0));
    assert_eq!(field(schema, "price").scale, Some(2));
    assert_eq!(ShipOrder::SCHEMA.identifier(), Some(0));
    assert_eq!(PlaceOrder::SCHEMA.identifier(), None);
}

#[test]
fn rules_are_part_of_the_schema() {
    let quantity = &field(Order::SCHEMA, "quantity").rules;
    assert_eq!(
        (quantity.min, quantity.max),
        (Some(Limit::Integer(1)), Some(Limit::Integer(1_000)))
    );
    let weight = &field(PlaceOrder::SCHEMA, "weight").rules;
    assert_eq!((weight.min, weight.max), (Some(Limit::Float(-0.5)), None));
    assert_eq!(
        field(PlaceOrder::SCHEMA, "speed").rules.choices,
        ["normal", "rush"]
    );
    let pattern = field(PlaceOrder::SCHEMA, "code").rules.pattern.as_ref();
    assert_eq!(
        pattern.map(protean::schema::Pattern::source),
        Some("[A-Z]{2}[0-9]+")
    );
}

#[test]
fn doc_comments_are_part_of_the_schema() {
    assert_eq!(
        Order::SCHEMA.doc,
        "An order of a customer.\n\n- It is kept\n  after it was shipped."
    );
    assert_eq!(field(Order::SCHEMA, "id").doc, "Which order it is.");
    assert_eq!(field(Order::SCHEMA, "gift").doc, "");
    assert_eq!(ShipOrder::SCHEMA.doc, "");
}
