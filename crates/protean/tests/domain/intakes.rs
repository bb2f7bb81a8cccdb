//! Commands by name, with their types erased.

use protean::domain::{Payload as _, Registry, WHOLE};

use crate::shop::{OrderId, PlaceOrder, ShipOrder, Shop};

fn problems(command: &str, json: &str) -> Vec<(String, Vec<String>)> {
    let registry = Registry::<Shop>::of();
    let intake = registry.command_named(command).expect("a command");
    let invalid = intake.prepare(json).expect_err("a problem");
    invalid.fields().clone().into_iter().collect()
}

fn problem(field: &str, message: &str) -> Vec<(String, Vec<String>)> {
    vec![(field.to_owned(), vec![message.to_owned()])]
}

#[test]
fn a_command_is_found_by_its_name_or_its_type() {
    let registry = Registry::<Shop>::of();
    let names: Vec<_> = registry.commands().iter().map(|one| one.name()).collect();
    assert_eq!(
        names,
        ["PlaceOrder", "ShipOrder", "NoteOrder", "CountProducts"]
    );
    let intake = registry.command_named("ShipOrder").unwrap();
    assert_eq!(intake.schema, ShipOrder::SCHEMA);
    assert_eq!(intake.type_name(), "WebShop.ShipOrder.v3");
    assert!(registry.command_named("WebShop.ShipOrder.v3").is_some());
    assert!(registry.command_named("WebShop.ShipOrder.v1").is_none());
    assert!(registry.command_named("shiporder").is_none());
}

#[test]
fn what_is_prepared_is_what_the_command_itself_would_send() {
    let registry = Registry::<Shop>::of();
    let command = PlaceOrder::example();
    let json = serde_json::to_string(&command).unwrap();
    let prepared = registry.command_named("PlaceOrder").unwrap();
    let prepared = prepared.prepare(&json).unwrap();
    assert_eq!(prepared.data(), json);
    assert_eq!(prepared.key(), None);
    assert_eq!(prepared.type_name(), "WebShop.PlaceOrder.v1");

    let order_id = OrderId::new();
    let ship = registry.command_named("ShipOrder").unwrap();
    let ship = ship
        .prepare(&format!(r#" {{ "order_id" : "{order_id}" }} "#))
        .unwrap();
    assert_eq!(ship.key(), Some(order_id.to_string().as_str()));
    assert_eq!(ship.data(), format!(r#"{{"order_id":"{order_id}"}}"#));
}

#[test]
fn defaults_stand_in_and_optional_fields_may_be_missing() {
    let registry = Registry::<Shop>::of();
    let json = r#"{"customer":"Ada","quantity":2,"code":"AB12","weight":1}"#;
    let intake = registry.command_named("PlaceOrder").unwrap();
    assert_eq!(
        intake.prepare(json).unwrap().data(),
        r#"{"channel":"shop","code":"AB12","copies":2,"customer":"Ada","discount":"5","note":null,"quantity":2,"speed":"normal","weight":1.0}"#
    );
}

#[test]
fn broken_rules_are_told_together() {
    let json = r#"{"customer":"","quantity":9,"code":"AB12","weight":1}"#;
    assert_eq!(
        problems("PlaceOrder", json),
        [
            ("customer".to_owned(), vec!["is required".to_owned()]),
            (
                "quantity".to_owned(),
                vec!["must be at most 5, found 9".to_owned()]
            ),
        ]
    );
}

#[test]
fn what_cannot_be_read_is_told_under_its_field() {
    for (json, expected) in [
        (r"{}", problem("order_id", "is required")),
        (
            r#"{"order_id":7}"#,
            problem(
                "order_id",
                "invalid type: integer `7`, expected a formatted UUID string",
            ),
        ),
        (
            r#"{"order_ids":7}"#,
            problem("order_ids", "is no field of ShipOrder"),
        ),
        (
            "[1]",
            problem(
                WHOLE,
                "invalid type: sequence, expected an object with the fields of ShipOrder",
            ),
        ),
        ("{", problem(WHOLE, "EOF while parsing an object")),
    ] {
        assert_eq!(problems("ShipOrder", json), expected, "{json}");
    }
}
