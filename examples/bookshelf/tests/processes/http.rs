//! The API.

use protean::prelude::Decimal;
use serde_json::json;

use crate::shop::Shop;
use crate::tier::{Tier, on_every_tier};
use crate::web::{get, get_when_there, post, request};

on_every_tier!(
    orders_and_books_are_accepted_and_seen_when_they_are_handled,
    a_repeated_request_counts_once_and_its_trace_is_kept,
    a_price_that_was_changed_is_in_the_catalog,
    the_trace_of_a_caller_goes_on_in_what_a_request_causes,
);

fn orders_and_books_are_accepted_and_seen_when_they_are_handled(tier: Tier) {
    let shop = Shop::on(tier);
    let (_api, address) = shop.api();
    let order = post(
        &address,
        "/orders",
        r#"{"customer_name":"Ada","book_title":"Dune","quantity":2,"unit_price_amount":"9.90"}"#,
    );
    assert_eq!(order.status, 202, "{order:?}");
    let path = format!("/orders/{}", order.body["order_id"].as_str().unwrap());
    assert_eq!(get(&address, &path).status, 404, "no server runs");

    let _server = shop.server();
    let seen = get_when_there(&address, &path).body;
    assert_eq!(seen["customer_name"], "Ada");
    assert_eq!(seen["quantity"], 2);
    // PostgreSQL keeps the decimal places that an amount was given with.
    let total: Decimal = seen["total"].as_str().unwrap().parse().unwrap();
    assert_eq!(total, Decimal::new(198, 1));

    for (title, author) in [
        ("Emma", "Jane Austen"),
        ("Persuasion", "Jane Austen"),
        ("Dune", "Frank Herbert"),
    ] {
        let body = json!({"title": title, "author": author, "price_amount": 7.5});
        let book = post(&address, "/books", &body.to_string());
        assert_eq!(book.status, 202, "{book:?}");
        get_when_there(
            &address,
            &format!("/catalog/{}", book.body["book_id"].as_str().unwrap()),
        );
    }
    let page = get(
        &address,
        "/catalog?author=Jane%20Austen&order_by=-title&limit=1",
    );
    assert_eq!(page.body["total"], 2);
    assert_eq!(page.body["entries"][0]["title"], "Persuasion");
    assert_eq!(page.body["entries"].as_array().unwrap().len(), 1);
    let second = get(&address, "/catalog?order_by=title&limit=1&offset=1");
    assert_eq!(second.body["entries"][0]["title"], "Emma");
}

#[test]
fn everything_wrong_with_a_request_is_told_at_once() {
    let shop = Shop::new();
    let (_api, address) = shop.api();
    let wrong = request(
        &address,
        "POST /orders",
        "X-Correlation-ID: abc-123\r\n",
        r#"{"customer_name":"","quantity":"two","unit_price_amount":-1,"colour":"red"}"#,
    );
    assert_eq!(wrong.status, 400);
    assert_eq!(
        wrong.body,
        json!({
            "error": {
                "book_title": ["is required"],
                "colour": ["is not known here"],
                "customer_name": ["is required"],
                "quantity": ["expected a whole number, found \"two\""],
                "unit_price_amount": ["must be at least 0, found -1"],
            },
            "correlation_id": "abc-123",
        })
    );
    assert!(
        wrong.head.contains("x-correlation-id: abc-123"),
        "{}",
        wrong.head
    );
    for body in ["", "{", "[]", "\u{1}"] {
        let answer = post(&address, "/orders", body);
        assert_eq!(answer.status, 400, "{body}");
        assert!(answer.body["error"]["body"][0].is_string(), "{answer:?}");
    }
    for path in ["/nothing", "/orders/no-id", "/catalog/no-id"] {
        let answer = get(&address, path);
        assert_eq!(answer.status, 404);
        assert!(answer.body["error"].is_object(), "{answer:?}");
    }
    assert_eq!(get(&address, "/orders").status, 405);
    for query in ["order_by=colour", "limit=many", "limit=5000", "colour=red"] {
        let answer = get(&address, &format!("/catalog?{query}"));
        assert_eq!(answer.status, 400, "{query}: {answer:?}");
    }
}

fn a_repeated_request_counts_once_and_its_trace_is_kept(tier: Tier) {
    let shop = Shop::on(tier);
    let (_api, address) = shop.api();
    let headers = "X-Correlation-ID: order-of-ada\r\nIdempotency-Key: 7\r\n";
    let body = r#"{"customer_name":"Ada","book_title":"Dune","quantity":1,"unit_price_amount":9}"#;
    let first = request(&address, "POST /orders", headers, body);
    assert_eq!(first.status, 202);
    assert!(first.head.contains("x-correlation-id: order-of-ada"));
    assert_eq!(request(&address, "POST /orders", headers, body).status, 409);
    let _server = shop.server();
    shop.settled();
    assert_eq!(shop.count("SELECT count(*) FROM \"order\""), 1);
    let trace = shop.succeed("bookshelf events trace order-of-ada");
    let lines: Vec<&str> = trace.lines().collect();
    let expected = [
        "Bookshelf.PlaceOrder.v1 bookshelf::order:command-",
        "   • OrderCommandHandler [primary] done after ",
        "└─ Bookshelf.OrderPlaced.v1 bookshelf::order-",
        "      • OrderSummaryProjector [primary] done after ",
        "Done: everything that it caused is handled.",
    ];
    assert_eq!(lines.len(), expected.len(), "{trace}");
    for (line, start) in lines.iter().zip(expected) {
        assert!(line.starts_with(start), "{trace}");
    }
    assert!(lines[2].contains("(primary, NORMAL)"), "{trace}");
}

fn the_trace_of_a_caller_goes_on_in_what_a_request_causes(tier: Tier) {
    let shop = Shop::on(tier);
    let (_api, address) = shop.api();
    let _server = shop.server();
    let given = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let body = r#"{"customer_name":"Ada","book_title":"Dune","quantity":1,"unit_price_amount":9}"#;
    for headers in [
        format!("traceparent: {given}\r\n"),
        "traceparent: x\r\n".to_owned(),
    ] {
        let order = request(&address, "POST /orders", &headers, body);
        assert_eq!(order.status, 202, "{order:?}");
    }
    shop.settled();
    let carried = shop.texts("SELECT traceparent FROM protean_message WHERE traceparent <> ''");
    assert_eq!(
        carried,
        [given, given],
        "a command and an event of one order"
    );
}

fn a_price_that_was_changed_is_in_the_catalog(tier: Tier) {
    let shop = Shop::on(tier);
    let (_api, address) = shop.api();
    let _server = shop.server();
    let book = r#"{"title":"Dune","author":"Frank Herbert","price_amount":7.5}"#;
    let book = post(&address, "/books", book).body;
    let book = book["book_id"].as_str().unwrap();
    let path = format!("PUT /books/{book}/price");
    let changed = request(&address, &path, "", r#"{"price_amount":"8.25"}"#);
    assert_eq!(changed.status, 202, "{changed:?}");
    assert_eq!(changed.body["book_id"], book);
    shop.settled();
    let seen = get(&address, &format!("/catalog/{book}")).body;
    assert_eq!(seen["price"], "8.25");

    let negative = request(&address, &path, "", r#"{"price_amount":-1}"#);
    assert_eq!(negative.status, 400);
    let nowhere = "PUT /books/no-id/price";
    let nowhere = request(&address, nowhere, "", r#"{"price_amount":1}"#);
    assert_eq!(nowhere.status, 404);
}
