use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Error, checksum, decode, encode};
use crate::Priority;
use crate::message::{Kind, Message};

mod payload;
mod rest;
mod traceparent;
mod ways;

/// What Protean for Python 0.18 sends when a book is added in the midst of an import.
const GOLDEN: &str = r#"{
    "data": {"book_id": "b-7", "title": "Die Stra\u00dfe"},
    "metadata": {
        "headers": {
            "id": "bookshelf::book-b-7-0",
            "time": "2026-01-31 12:00:00.123456+00:00",
            "type": "Bookshelf.BookAdded.v2",
            "stream": "bookshelf::book-b-7",
            "traceparent": {"trace_id": "0af7651916cd43dd8448eb211c80319c", "parent_id": "b7ad6b7169203331", "sampled": true},
            "idempotency_key": null,
            "deadline": null
        },
        "envelope": {"specversion": "1.0", "checksum": "e5274a4909341c6a8c47fcdeefac9809313f7e582d7a90a1d948282324350cc2"},
        "domain": {
            "fqn": "bookshelf.book.BookAdded", "kind": "EVENT", "origin_stream": null,
            "stream_category": "bookshelf::book", "version": 2, "sequence_id": "3",
            "asynchronous": true, "expected_version": 2, "priority": -100,
            "correlation_id": "c0ffee", "causation_id": "bookshelf::book:command-b-7",
            "tenant": {"region": "eu"}
        },
        "event_store": {"global_position": 9, "position": 3},
        "extensions": {"user": 12}
    },
    "_dlq_metadata": {"retry_count": 3}
}"#;

fn message() -> Message {
    Message {
        id: Uuid::from_u128(7),
        kind: Kind::Command,
        type_name: "Bookshelf.AddBook.v1".into(),
        stream: "bookshelf::book:command".into(),
        key: Some("b-7".to_owned()),
        priority: Priority::Bulk,
        time: "2026-01-31T12:00:00.5Z".parse().unwrap(),
        correlation_id: "c0ffee".into(),
        causation_id: Some(Uuid::from_u128(6)),
        traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into()),
        idempotency_key: Some("row 7".to_owned()),
        sequence_id: None,
        data: r#"{"book_id":"b-7","price":9.90}"#.to_owned(),
        rest: None,
    }
}

#[test]
fn an_envelope_of_the_other_protean_is_read() {
    let message = decode(GOLDEN).unwrap();
    assert_eq!(message.kind, Kind::Event);
    assert_eq!(&*message.type_name, "Bookshelf.BookAdded.v2");
    assert_eq!(&*message.stream, "bookshelf::book");
    assert_eq!(message.key.as_deref(), Some("b-7"));
    assert_eq!(message.priority, Priority::Bulk);
    assert_eq!(message.time.to_string(), "2026-01-31T12:00:00.123456Z");
    assert_eq!(&*message.correlation_id, "c0ffee");
    assert_eq!(message.sequence_id.as_deref(), Some("3"));
    assert_eq!(
        message.traceparent.as_deref(),
        Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    );
    assert_eq!(message.data, r#"{"book_id":"b-7","title":"Die Straße"}"#);
}

#[test]
fn the_priority_written_is_always_its_own() {
    let mut message = decode(GOLDEN).unwrap();
    message.priority = Priority::Critical;
    let written: Value = serde_json::from_str(&encode(&message)).unwrap();
    assert_eq!(written["metadata"]["domain"]["priority"], 100);

    let without = decode(&GOLDEN.replace("-100", "null")).unwrap();
    assert_eq!(without.priority, Priority::Normal);
    let text = encode(&without);
    assert!(text.contains("\"priority\":0"));
    assert_eq!(decode(&text), Ok(without));

    // As an earlier version may have kept it.
    let kept = json!({"metadata": {"domain": {"priority": null}}});
    message.rest = Some(serde_json::from_value(kept).unwrap());
    assert!(encode(&message).contains("\"priority\":100"));
}

#[test]
fn a_message_is_written_as_the_other_protean_would() {
    let written: Value = serde_json::from_str(&encode(&message())).unwrap();
    let expected = json!({
        "data": {"book_id": "b-7", "price": 9.9},
        "metadata": {
            "headers": {
                "id": "00000000-0000-0000-0000-000000000007",
                "time": "2026-01-31T12:00:00.500000+00:00",
                "type": "Bookshelf.AddBook.v1",
                "stream": "bookshelf::book:command-b-7",
                "traceparent": {
                    "trace_id": "0af7651916cd43dd8448eb211c80319c",
                    "parent_id": "b7ad6b7169203331",
                    "sampled": true,
                },
                "idempotency_key": "row 7",
                "deadline": null,
            },
            "envelope": {
                "specversion": "1.0",
                "checksum": checksum(r#"{"book_id":"b-7","price":9.9}"#).unwrap(),
            },
            "domain": {
                "fqn": "Bookshelf.AddBook",
                "kind": "COMMAND",
                "origin_stream": null,
                "stream_category": "bookshelf::book:command",
                "version": 1,
                "sequence_id": null,
                "asynchronous": true,
                "expected_version": null,
                "priority": -100,
                "correlation_id": "c0ffee",
                "causation_id": "00000000-0000-0000-0000-000000000006",
            },
            "event_store": null,
            "extensions": {},
        },
    });
    assert_eq!(written, expected);
    assert!(
        encode(&message()).contains("\"price\":9.90"),
        "no digit is lost"
    );
    assert_eq!(decode(&encode(&message())).unwrap(), message());
}

#[test]
fn a_payload_that_was_changed_is_refused() {
    let changed = GOLDEN.replace("\\u00dfe", "ss");
    let error = decode(&changed).unwrap_err();
    assert!(matches!(error, Error::Checksum { .. }), "{error}");
    assert!(error.to_string().starts_with("[PE0131] "));
}

#[test]
fn what_is_no_envelope_is_told_apart() {
    let told = |text: &str| decode(text).unwrap_err().to_string();
    assert!(told("{").starts_with("[PE0130] "));
    assert!(told("[]").starts_with("[PE0130] "));
    assert_eq!(
        told("{}"),
        "[PE0132] data: expected an object, found nothing"
    );
    assert_eq!(
        told(r#"{"data": 3}"#),
        "[PE0132] data: expected an object, found 3"
    );
    let without = |name: &str| GOLDEN.replace(name, "x");
    assert_eq!(
        told(&without("\"type\"").replace("x:", "\"x\":")),
        "[PE0132] metadata.headers.type: expected a text, found nothing"
    );
    assert_eq!(
        told(&GOLDEN.replace("-100", "\"high\"")),
        "[PE0132] metadata.domain.priority: expected a whole number of 32 bits, found \"high\""
    );
    assert_eq!(
        told(&GOLDEN.replace("2026-01-31 12", "yesterday")),
        "[PE0132] metadata.headers.time: expected a time such as 2026-01-31T12:00:00+00:00, found \
         yesterday:00:00.123456+00:00"
    );
    let deep = format!(
        "{{\"data\":{{\"a\":{}{}}}}}",
        "[".repeat(100),
        "]".repeat(100)
    );
    assert!(decode(&deep).is_err());
}

#[test]
fn a_time_without_a_zone_is_utc() {
    let local = GOLDEN.replace("12:00:00.123456+00:00", "12:00:00");
    assert_eq!(
        decode(&local).unwrap().time.to_string(),
        "2026-01-31T12:00:00Z"
    );
}

/// Any JSON, not too much of it.
fn values() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    scalar.prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn payloads() -> impl Strategy<Value = Value> {
    prop::collection::btree_map("[a-z_]{1,8}", values(), 0..6)
        .prop_map(|members| Value::Object(members.into_iter().collect()))
}

proptest! {
    #[test]
    fn messages_survive_the_round_trip(
        payload in payloads(),
        priority in any::<i32>(),
        key in prop::option::of("[a-z0-9 -]{1,12}"),
        correlation_id in any::<String>(),
        micros in 0_i64..4_102_444_800_000_000,
    ) {
        let message = Message {
            data: payload.to_string(),
            priority: Priority::new(priority),
            correlation_id: Arc::from(correlation_id),
            time: jiff::Timestamp::from_microsecond(micros).unwrap(),
            key,
            ..message()
        };
        prop_assert_eq!(decode(&encode(&message)).unwrap(), message);
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in any::<String>(), at in 0..GOLDEN.len(), cut in 0..40_usize) {
        let _ = decode(&text);
        let golden: String = GOLDEN.chars().enumerate().filter(|(nth, _)| !(at..at + cut).contains(nth)).map(|(_, char)| char).collect();
        let _ = decode(&golden);
    }
}
