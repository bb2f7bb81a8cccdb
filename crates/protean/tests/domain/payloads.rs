//! Commands and events as JSON.

use protean::domain::{Command, Event, Payload};
use protean::prelude::Decimal;

use crate::shop::{
    CountProducts, NoteOrder, OrderId, OrderPlaced, OrderShipped, PlaceOrder, ShipOrder,
};

fn refusal<P: Payload + std::fmt::Debug>(json: &str) -> String {
    serde_json::from_str::<P>(json)
        .expect_err("the JSON is refused")
        .to_string()
}

#[test]
fn keys_are_written_in_alphabetical_order() {
    let json = serde_json::to_string(&PlaceOrder::example()).unwrap();
    assert_eq!(
        json,
        concat!(
            r#"{"channel":null,"code":"AB12","copies":4,"customer":"Ada","discount":"10.5","#,
            r#""note":null,"quantity":2,"speed":"rush","weight":0.25}"#
        )
    );
    assert_eq!(serde_json::to_string(&CountProducts).unwrap(), "{}");
}

#[test]
fn keys_are_read_in_any_order() {
    let command = PlaceOrder {
        note: Some("x".to_owned()),
        ..PlaceOrder::example()
    };
    let json = serde_json::to_string(&command).unwrap();
    assert_eq!(serde_json::from_str::<PlaceOrder>(&json).unwrap(), command);

    let json = concat!(
        r#"{"weight":0.25,"quantity":2,"note":"x","customer":"Ada","code":"AB12","#,
        r#""discount":"10.5","speed":"rush","copies":4,"channel":null}"#
    );
    assert_eq!(serde_json::from_str::<PlaceOrder>(json).unwrap(), command);

    // A `Value` hands over owned keys.
    let value: serde_json::Value = serde_json::from_str(json).unwrap();
    assert_eq!(
        serde_json::from_value::<PlaceOrder>(value).unwrap(),
        command
    );

    let escaped = json.replace("customer", r"cus\u0074omer");
    assert_eq!(
        serde_json::from_str::<PlaceOrder>(&escaped).unwrap(),
        command
    );
}

#[test]
fn missing_keys_are_nothing_or_the_default() {
    let json = r#"{"customer":"Ada","quantity":2,"code":"AB12","weight":0}"#;
    let command: PlaceOrder = serde_json::from_str(json).unwrap();
    assert_eq!(command.note, None);
    assert_eq!(command.speed, "normal");
    assert_eq!(command.discount, Decimal::from(5));
    assert_eq!(command.channel.as_deref(), Some("shop"));
    assert_eq!(command.copies, 2);

    let id = OrderId::new();
    let json = format!(r#"{{"order_id":"{id}","customer":"Ada"}}"#);
    assert!(!serde_json::from_str::<OrderPlaced>(&json).unwrap().gift);
}

#[test]
fn other_missing_keys_are_errors_that_name_the_field() {
    let error = refusal::<PlaceOrder>(r#"{"customer":"Ada","code":"AB12","weight":0}"#);
    assert!(error.starts_with("missing field `quantity`"), "{error}");
    let error = refusal::<OrderShipped>("{}");
    assert!(error.starts_with("missing field `order_id`"), "{error}");
}

#[test]
fn values_of_another_type_are_errors_that_name_the_field() {
    let json = r#"{"customer":"Ada","quantity":"two","code":"AB12","weight":0}"#;
    assert_eq!(
        refusal::<PlaceOrder>(json),
        "`quantity`: invalid type: string \"two\", expected i64 at line 1 column 34"
    );
    let error = refusal::<OrderShipped>(r#"{"order_id":"order-7"}"#);
    assert!(
        error.starts_with("`order_id`: UUID parsing failed"),
        "{error}"
    );
    let error = refusal::<OrderShipped>("[1]");
    assert!(
        error.contains("expected an object with the fields of OrderShipped"),
        "{error}"
    );
}

#[test]
fn repeated_keys_are_refused() {
    let id = OrderId::new();
    let error = refusal::<ShipOrder>(&format!(r#"{{"order_id":"{id}","order_id":"{id}"}}"#));
    assert!(error.starts_with("duplicate field `order_id`"), "{error}");
    let error = refusal::<OrderShipped>(&format!(r#"{{"order_id":"{id}","order_id":"{id}"}}"#));
    assert!(error.starts_with("duplicate field `order_id`"), "{error}");
}

#[test]
fn unknown_keys_are_refused_in_commands_and_passed_over_in_events() {
    let id = OrderId::new();
    let json = format!(r#"{{"order_id":"{id}","shelf":{{"row":[1]}}}}"#);
    let error = refusal::<ShipOrder>(&json);
    assert!(
        error.starts_with("unknown field `shelf`, expected `order_id`"),
        "{error}"
    );
    let event: OrderShipped = serde_json::from_str(&json).unwrap();
    assert_eq!(event, OrderShipped { order_id: id });

    let error = refusal::<CountProducts>(r#"{"fast":true}"#);
    assert!(
        error.starts_with("unknown field `fast`, there are no fields"),
        "{error}"
    );
    assert_eq!(
        serde_json::from_str::<CountProducts>("{}").unwrap(),
        CountProducts
    );
}

#[test]
fn names_and_versions_are_those_of_the_code() {
    fn of<P: Payload>() -> (&'static str, u32) {
        (P::NAME, P::VERSION)
    }
    fn is_event<E: Event>() {}
    is_event::<OrderPlaced>();
    assert_eq!(of::<PlaceOrder>(), ("PlaceOrder", 1));
    assert_eq!(of::<ShipOrder>(), ("ShipOrder", 3));
    assert_eq!(of::<OrderPlaced>(), ("OrderPlaced", 1));
    assert_eq!(of::<OrderShipped>(), ("OrderShipped", 2));
}

#[test]
fn the_key_of_a_command_is_the_value_of_its_id() {
    let id = OrderId::new();
    assert_eq!(ShipOrder { order_id: id }.key(), Some(id.to_string()));
    assert_eq!(NoteOrder { order_id: Some(id) }.key(), Some(id.to_string()));
    assert_eq!(NoteOrder { order_id: None }.key(), None);
    assert_eq!(PlaceOrder::example().key(), None);
}
