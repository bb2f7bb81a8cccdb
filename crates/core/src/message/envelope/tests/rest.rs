use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::{Error, Rest, decode, encode};
use super::{GOLDEN, message, payloads, values};
use crate::message::Message;

/// The keys that Protean for Python 0.18 takes in the objects of the metadata.
const KNOWN: [(&str, &[&str]); 5] = [
    (
        "",
        &["headers", "envelope", "domain", "event_store", "extensions"],
    ),
    (
        "headers",
        &[
            "id",
            "time",
            "type",
            "stream",
            "traceparent",
            "idempotency_key",
            "deadline",
        ],
    ),
    ("envelope", &["specversion", "checksum"]),
    (
        "domain",
        &[
            "fqn",
            "kind",
            "origin_stream",
            "stream_category",
            "version",
            "sequence_id",
            "asynchronous",
            "expected_version",
            "priority",
            "correlation_id",
            "causation_id",
        ],
    ),
    ("event_store", &["global_position", "position"]),
];

/// That a consumer in Python gets past this envelope.
pub(super) fn assert_python_takes(envelope: &str) {
    let whole: Value = serde_json::from_str(envelope).unwrap();
    let metadata = &whole["metadata"];
    for (name, known) in KNOWN {
        let part = match name {
            "" => metadata,
            _ => &metadata[name],
        };
        if part.is_null() && matches!(name, "envelope" | "event_store") {
            continue;
        }
        for key in part.as_object().unwrap().keys() {
            assert!(
                known.contains(&key.as_str()),
                "metadata.{name}.{key} in {envelope}"
            );
        }
    }
    assert!(metadata["extensions"].is_object());
    match &metadata["headers"]["traceparent"] {
        Value::Null => {}
        parts => {
            assert_eq!(parts.as_object().unwrap().len(), 3);
            assert!(parts["trace_id"].is_string());
            assert!(parts["parent_id"].is_string());
            assert!(parts["sampled"].is_boolean());
        }
    }
}

fn golden() -> Value {
    serde_json::from_str(GOLDEN).unwrap()
}

fn rest_of(message: &Message) -> Value {
    serde_json::to_value(&message.rest).unwrap()
}

#[test]
fn what_is_known_is_written_in_its_place() {
    let mut expected = golden();
    let domain = expected["metadata"]["domain"].as_object_mut().unwrap();
    domain.remove("tenant").unwrap();
    let written: Value =
        serde_json::from_str(&encode(&decode(&expected.to_string()).unwrap())).unwrap();
    assert_eq!(written, expected);

    expected["metadata"]["headers"]["id"] = json!("another id");
    expected["metadata"]["domain"]["priority"] = json!(50);
    let other = decode(&expected.to_string()).unwrap();
    assert_ne!(other.id, decode(GOLDEN).unwrap().id);
    assert_eq!(
        serde_json::from_str::<Value>(&encode(&other)).unwrap(),
        expected
    );
}

#[test]
fn what_is_not_known_is_carried_among_the_extensions() {
    let mut envelope = golden();
    envelope["unknown"] = json!([1]);
    for (name, _) in KNOWN {
        match name {
            "" => envelope["metadata"]["unknown"] = json!({"of": "the metadata"}),
            _ => envelope["metadata"][name]["unknown"] = json!({"of": name}),
        }
    }
    let message = decode(&envelope.to_string()).unwrap();
    let rest = rest_of(&message);
    assert_eq!(rest["metadata"]["unknown"], json!({"of": "the metadata"}));
    assert_eq!(
        rest["metadata"]["headers"]["unknown"],
        json!({"of": "headers"})
    );

    let text = encode(&message);
    assert_python_takes(&text);
    let mut expected = golden();
    expected["metadata"]["domain"]
        .as_object_mut()
        .unwrap()
        .remove("tenant");
    expected["unknown"] = json!([1]);
    expected["metadata"]["extensions"]["protean.rest"] = json!({
        "unknown": {"of": "the metadata"},
        "headers": {"unknown": {"of": "headers"}},
        "envelope": {"unknown": {"of": "envelope"}},
        "domain": {"unknown": {"of": "domain"}, "tenant": {"region": "eu"}},
        "event_store": {"unknown": {"of": "event_store"}},
    });
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), expected);
    assert_eq!(decode(&text), Ok(message));
}

#[test]
fn parts_that_are_no_objects_are_kept() {
    for (name, value) in [
        ("domain", Value::Null),
        ("envelope", Value::Null),
        ("event_store", json!(5)),
        ("event_store", json!({})),
        ("event_store", json!({"unknown": 1})),
        ("extensions", json!("x")),
        ("extensions", Value::Null),
    ] {
        let mut envelope = golden();
        envelope["metadata"][name] = value.clone();
        let message = decode(&envelope.to_string()).unwrap();
        assert_eq!(rest_of(&message)["metadata"][name], value, "{name}");
        assert_python_takes(&encode(&message));
        assert_eq!(decode(&encode(&message)), Ok(message), "{name}: {value}");
    }
}

#[test]
fn the_extension_changes_nothing_that_has_a_place() {
    let plain: Value = serde_json::from_str(&encode(&message())).unwrap();
    let message = decode(&plain.to_string()).unwrap();
    for carried in [
        json!(3),
        json!({"headers": {"id": "another"}, "domain": {"priority": 7, "kind": "EVENT"}}),
        json!({"envelope": null, "event_store": {"position": 3}, "extensions": {"user": 12}}),
    ] {
        let mut envelope = plain.clone();
        envelope["metadata"]["extensions"]["protean.rest"] = carried;
        assert_eq!(decode(&envelope.to_string()), Ok(message.clone()));
    }
}

#[test]
fn a_rest_that_could_not_be_read_again_is_refused() {
    let nested = |depth: usize| {
        let mut envelope: Value = serde_json::from_str(&encode(&message())).unwrap();
        let mut value = json!({});
        for _ in 0..depth {
            value = json!({"a": value});
        }
        envelope["metadata"]["headers"]["unknown"] = value;
        decode(&envelope.to_string())
    };
    let deepest = nested(62).unwrap();
    assert_eq!(decode(&encode(&deepest)), Ok(deepest));
    for depth in [63, 64, 100, 120] {
        assert!(
            matches!(nested(depth), Err(Error::Malformed { .. })),
            "{depth}"
        );
    }
}

/// Changes an envelope somewhere in its metadata.
fn changes() -> impl Strategy<Value = Vec<(usize, String, Option<Value>)>> {
    let keys = KNOWN.iter().flat_map(|(_, keys)| keys.iter().copied());
    let keys: Vec<&str> = keys
        .chain(["trace_id", "protean.rest", "unknown"])
        .collect();
    let value = prop_oneof![
        Just(Value::Null),
        any::<i32>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        "[a-z:-]{0,9}".prop_map(Value::from),
        "00-[0-9a-f]{32}-[0-9a-f]{16}-0[0-3]".prop_map(Value::from),
        payloads(),
        values(),
    ];
    let change = (
        0..8_usize,
        prop::sample::select(keys),
        prop::option::weighted(0.9, value),
    );
    let change = change.prop_map(|(part, key, value)| (part, key.to_owned(), value));
    prop::collection::vec(change, 0..6)
}

fn apply(envelope: &mut Value, changes: Vec<(usize, String, Option<Value>)>) {
    const PARTS: [&str; 8] = [
        "",
        "/headers",
        "/envelope",
        "/domain",
        "/event_store",
        "/headers/traceparent",
        "/extensions",
        "/extensions/protean.rest",
    ];
    for (part, key, value) in changes {
        let Some(part) = envelope["metadata"].pointer_mut(PARTS[part]) else {
            continue;
        };
        match (part.as_object_mut(), value) {
            (Some(members), Some(value)) => drop(members.insert(key, value)),
            (Some(members), None) => drop(members.remove(&key)),
            (None, value) => *part = json!({key: value}),
        }
    }
}

/// Envelopes of both kinds, changed somewhere.
pub(super) fn envelopes() -> impl Strategy<Value = Value> {
    (any::<bool>(), changes()).prop_map(|(python, changes)| {
        let mut envelope = match python {
            true => golden(),
            false => serde_json::from_str(&encode(&message())).unwrap(),
        };
        apply(&mut envelope, changes);
        envelope
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn whatever_is_read_survives_the_round_trip(envelope in envelopes()) {
        if let Ok(message) = decode(&envelope.to_string()) {
            let text = encode(&message);
            assert_python_takes(&text);
            let kept = serde_json::to_string(&message.rest).unwrap();
            prop_assert_eq!(&serde_json::from_str::<Option<Box<Rest>>>(&kept).unwrap(), &message.rest);
            prop_assert_eq!(decode(&text), Ok(message));
        }
    }
}
