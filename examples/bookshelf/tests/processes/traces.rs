//! What became of an order and of books, as operators see and mend it.

use serde_json::Value;

use crate::shop::{Shop, wait_until};
use crate::tier::{Tier, on_every_tier};
use crate::web;

on_every_tier!(
    a_trace_shows_the_whole_tree_with_its_lanes,
    a_message_that_is_mended_and_replayed_takes_effect_once,
);

const CATALOG: &str = "title,author,isbn,price\nDune,Frank Herbert,,9.99\n\
                       Old News [withdrawn],Anon,,1\n";

const ORDER: &str =
    r#"{"customer_name":"Ada","book_title":"Dune","quantity":2,"unit_price_amount":"9.99"}"#;

fn json(shop: &Shop, line: &str) -> Value {
    let text = shop.succeed(&format!("{line} --json"));
    let all: Value = serde_json::from_str(&text).unwrap();
    all["data"].clone()
}

/// Each message of a trace with each subscription that read it: type, lane, subscription, state.
fn steps(trace: &Value) -> Vec<[String; 4]> {
    let mut steps = Vec::new();
    for message in trace["messages"].as_array().unwrap() {
        for handled in message["handled"].as_array().unwrap() {
            let of = |value: &Value| value.as_str().unwrap().to_owned();
            assert_eq!(message["lane"], handled["lane"]);
            steps.push([
                of(&message["message"]["metadata"]["headers"]["type"]),
                of(&handled["lane"]),
                of(&handled["subscription"]),
                of(&handled["state"]),
            ]);
        }
    }
    steps
}

fn id_of(message: &Value) -> String {
    let id = &message["message"]["metadata"]["headers"]["id"];
    id.as_str().unwrap().to_owned()
}

fn a_trace_shows_the_whole_tree_with_its_lanes(tier: Tier) {
    let shop = Shop::on(tier);
    shop.write("catalog.csv", CATALOG);
    shop.succeed("import_vintage_press catalog.csv");
    let (_api, address) = shop.api();
    let header = "x-correlation-id: ada-1\r\n";
    assert_eq!(
        web::request(&address, "POST /orders", header, ORDER).status,
        202
    );
    let waiting = json(&shop, "bookshelf events trace ada-1");
    assert_eq!(waiting["state"], "waiting");
    let placed = ["Bookshelf.PlaceOrder.v1", "primary", "OrderCommandHandler"];
    assert_eq!(steps(&waiting)[0][..3], placed);
    assert_eq!(waiting["messages"][0]["handled"][0]["before"], 0);

    let _server = shop.server();
    shop.settled();
    order_is_traced(&shop);
    books_are_traced(&shop);
    counted(&shop);
}

fn order_is_traced(shop: &Shop) {
    let done = json(shop, "bookshelf events trace ada-1");
    assert_eq!(done["state"], "done", "{done:#}");
    let expected = [
        [
            "Bookshelf.PlaceOrder.v1",
            "primary",
            "OrderCommandHandler",
            "done",
        ],
        [
            "Bookshelf.OrderPlaced.v1",
            "primary",
            "OrderSummaryProjector",
            "done",
        ],
    ];
    assert_eq!(steps(&done), expected);
    for message in done["messages"].as_array().unwrap() {
        let attempts = &message["handled"][0]["attempts"];
        assert_eq!(attempts.as_array().unwrap().len(), 1);
        assert_eq!(
            (&attempts[0]["attempt"], &attempts[0]["together"]),
            (&1.into(), &1.into())
        );
        assert!(attempts[0]["waited_ms"].as_f64() > Some(0.0), "{attempts}");
        assert!(attempts[0]["ran_ms"].as_f64() > Some(0.0), "{attempts}");
    }
}

fn books_are_traced(shop: &Shop) {
    let found = json(shop, "bookshelf events search --type Bookshelf.AddBook.v1");
    let books = found["messages"].as_array().unwrap();
    assert_eq!(books.len(), 2);
    for book in books {
        let trace = json(shop, &format!("bookshelf events trace {}", id_of(book)));
        let added = ["Bookshelf.AddBook.v1", "backfill", "BookCommandHandler"];
        let title = book["message"]["data"]["title"].as_str().unwrap();
        let steps = steps(&trace);
        assert_eq!(steps[0][..3], added);
        if title == "Dune" {
            let projected = [
                "Bookshelf.BookAdded.v1",
                "backfill",
                "BookCatalogProjector",
                "done",
            ];
            assert_eq!(
                (trace["state"].as_str(), &steps[1]),
                (Some("done"), &projected.map(str::to_owned))
            );
        } else {
            assert_eq!(
                (trace["state"].as_str(), &*steps[0][3], steps.len()),
                (Some("broken"), "dead", 1)
            );
            let text = shop.succeed(&format!("bookshelf events trace {}", id_of(book)));
            let why = "BookCommandHandler [backfill] given up: [PE0110] \"Old News [withdrawn]\" was \
                       withdrawn by its publisher and cannot be sold; see `dlq inspect ";
            assert!(text.contains(why), "{text}");
        }
    }
}

/// What the log says of what `a_trace_shows_the_whole_tree_with_its_lanes` did.
fn counted(shop: &Shop) {
    let stats = json(shop, "bookshelf events stats");
    let lanes = stats["lanes"].as_array().unwrap();
    let published: Vec<_> = lanes
        .iter()
        .map(|one| {
            let text = |key: &str| one[key].as_str().unwrap();
            (
                text("stream"),
                text("lane"),
                one["published"].as_u64().unwrap(),
            )
        })
        .collect();
    let expected = [
        ("bookshelf::book", "backfill", 1),
        ("bookshelf::book:command", "backfill", 2),
        ("bookshelf::order", "primary", 1),
        ("bookshelf::order:command", "primary", 1),
    ];
    assert_eq!(published, expected);
    let of_lane = "bookshelf events read bookshelf::book:command --lane";
    assert_eq!(
        shop.succeed(&format!("{of_lane} backfill")).lines().count(),
        3
    );
    assert!(
        shop.succeed(&format!("{of_lane} primary"))
            .starts_with("No messages in")
    );
    let found = shop.succeed("bookshelf events search --correlation ada-1 --since 1h");
    assert_eq!(found.lines().count(), 3, "{found}");
}

fn a_message_that_is_mended_and_replayed_takes_effect_once(tier: Tier) {
    const BOOK: &str = "0190163d-8694-7a1e-8000-000000000007";
    let shop = Shop::on(tier);
    shop.configure("[server.stream_subscription]\nmax_retries = 2\nretry_delay_seconds = 0.05\n");
    let (_api, address) = shop.api();
    let _server = shop.server();
    let line = format!("PUT /books/{BOOK}/price");
    let header = "x-correlation-id: raise\r\n";
    let answer = web::request(&address, &line, header, r#"{"price_amount":"12.50"}"#);
    assert_eq!(answer.status, 202, "{answer:?}");
    let letters = || json(&shop, "bookshelf dlq list --error PE0111 --lane primary");
    wait_until("it is given up", || letters()["total"] == 1);
    let letter = letters()["dead_letters"][0]["id"].to_string();
    let trace = json(&shop, "bookshelf events trace raise");
    assert_eq!(trace["state"], "broken");
    let attempts = |trace: &Value| {
        let attempts = trace["messages"][0]["handled"][0]["attempts"].as_array();
        let outcome = |one: &Value| one["outcome"].as_str().unwrap().to_owned();
        attempts.unwrap().iter().map(outcome).collect::<Vec<_>>()
    };
    assert_eq!(attempts(&trace), ["retried", "dead"]);
    let inspected = shop.succeed(&format!("bookshelf dlq inspect {letter}"));
    for part in [
        "ran ",
        "try 2: [PE0111] no Book with id",
        "`events trace raise`",
    ] {
        assert!(inspected.contains(part), "{inspected}");
    }

    for sql in [
        "INSERT INTO book (id, title, author, price) VALUES",
        "INSERT INTO book_catalog (book_id, title, author, price) VALUES",
    ] {
        shop.count(&format!(
            "{sql} ('{BOOK}', 'Dune', 'Frank Herbert', 9) RETURNING 1"
        ));
    }
    let replay = format!("bookshelf dlq replay {letter}");
    let dry = shop.succeed(&format!("{replay} --dry-run"));
    assert!(dry.contains("Nothing was replayed"), "{dry}");
    assert_eq!(shop.succeed(&replay), "Replayed 1 message.\n");
    assert_eq!(shop.run(&replay).status.code(), Some(1), "it is gone");
    shop.settled();
    let trace = json(&shop, "bookshelf events trace raise");
    assert_eq!(trace["state"], "done", "{trace:#}");
    assert_eq!(attempts(&trace), ["retried", "dead", "done"]);
    let event = &trace["messages"][1]["handled"];
    assert_eq!(event.as_array().unwrap().len(), 1);
    assert_eq!(event[0]["attempts"].as_array().unwrap().len(), 1);
    for (what, sql) in [
        (
            "books",
            "SELECT count(*) FROM book WHERE price = 12.5 AND _version = 1",
        ),
        (
            "entries",
            "SELECT count(*) FROM book_catalog WHERE price = 12.5 AND _version = 1",
        ),
        (
            "events",
            "SELECT count(*) FROM protean_message WHERE type = 'Bookshelf.PriceChanged.v1'",
        ),
    ] {
        assert_eq!(shop.count(sql), 1, "{what}");
    }
}
