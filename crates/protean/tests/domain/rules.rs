//! Rules of fields, and invariants.

use protean::domain::{Aggregate, Payload};
use protean::prelude::{Decimal, Invalid, Root};
use protean::schema::Record;

use crate::shop::{Order, OrderId, OrderPlaced, PlaceOrder};

fn violations(result: Result<(), Invalid>) -> String {
    result.expect_err("a rule is broken").to_string()
}

#[test]
fn all_violations_are_reported_together() {
    let wrong = PlaceOrder {
        customer: "Ada Lovelace".to_owned(),
        quantity: 6,
        code: "a0".to_owned(),
        speed: "slow".to_owned(),
        note: Some("0000".to_owned()),
        weight: -1.0,
        discount: Decimal::ZERO,
        channel: None,
        copies: 3,
    };
    assert_eq!(
        violations(wrong.check()),
        "[PE0101] code: must match [A-Z]{2}[0-9]+, found \"a0\", must not contain a zero; \
         copies: must be even, found 3; \
         customer: must have at most 10 characters, found 12; \
         note: must have at most 3 characters, found 4, must not contain a zero; \
         quantity: must be at most 5, found 6; \
         speed: must be one of normal, rush, found \"slow\"; \
         weight: must be at least -0.5, found -1"
    );
}

#[test]
fn what_keeps_the_rules_has_no_violations() {
    assert_eq!(PlaceOrder::example().check(), Ok(()));
    let bounds = PlaceOrder {
        quantity: 5,
        weight: -0.5,
        ..PlaceOrder::example()
    };
    assert_eq!(bounds.check(), Ok(()));
    assert_eq!(Order::example().check(), Ok(()));
}

#[test]
fn text_is_required_unless_it_is_optional_or_has_a_default() {
    let empty = PlaceOrder {
        customer: String::new(),
        ..PlaceOrder::example()
    };
    assert_eq!(violations(empty.check()), "[PE0101] customer: is required");
    let empty = PlaceOrder {
        note: Some(String::new()),
        ..PlaceOrder::example()
    };
    assert_eq!(empty.check(), Ok(()));
}

#[test]
fn an_absent_value_breaks_no_rule() {
    let absent = PlaceOrder {
        note: None,
        ..PlaceOrder::example()
    };
    assert_eq!(absent.check(), Ok(()));
}

#[test]
fn events_and_records_have_rules_too() {
    let customer = "Ada Lovelace".to_owned();
    let event = OrderPlaced {
        order_id: OrderId::new(),
        customer: customer.clone(),
        gift: false,
    };
    assert!(violations(event.check()).starts_with("[PE0101] customer: must have at most 10"));
    let price = Decimal::new(9, 3);
    let order = Order {
        customer,
        price,
        ..Order::example()
    };
    assert_eq!(
        violations(order.check()),
        "[PE0101] customer: must have at most 10 characters, found 12; \
         price: must be at least 0.01, found 0.009"
    );
}

#[test]
fn invariants_are_checked_when_all_fields_keep_their_rules() {
    let rush = Order {
        quantity: 11,
        ..Order::example()
    };
    assert_eq!(rush.check(), Ok(()));
    let violation = "[PE0101] quantity: must be at most 10 in a rush order";
    assert_eq!(violations(rush.check_invariants()), violation);
    assert_eq!(Root::new(rush).unwrap_err().to_string(), violation);

    let both = Order {
        quantity: 11,
        customer: String::new(),
        ..Order::example()
    };
    assert_eq!(
        Root::new(both).unwrap_err().to_string(),
        "[PE0101] customer: is required"
    );
}
