use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::{decode, encode};
use super::rest::assert_python_takes;
use super::{GOLDEN, message};
use crate::message::Message;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";

fn with(traceparent: &str) -> Message {
    Message {
        traceparent: Some(traceparent.into()),
        ..message()
    }
}

fn written(message: &Message) -> Value {
    serde_json::from_str(&encode(message)).unwrap()
}

#[test]
fn a_trace_context_is_written_as_an_object() {
    for (flags, sampled, whole) in [
        ("00", false, true),
        ("01", true, true),
        ("02", false, false),
        ("03", true, false),
        ("fF", true, false),
    ] {
        let text = format!("00-{TRACE}-{PARENT}-{flags}");
        let message = with(&text);
        let metadata = &written(&message)["metadata"];
        let parts = json!({"trace_id": TRACE, "parent_id": PARENT, "sampled": sampled});
        assert_eq!(metadata["headers"]["traceparent"], parts, "{text}");
        let extensions = match whole {
            true => json!({}),
            false => json!({"protean.traceparent": text}),
        };
        assert_eq!(metadata["extensions"], extensions, "{text}");
        assert_eq!(decode(&encode(&message)), Ok(message));
    }
}

#[test]
fn what_is_no_trace_context_of_this_version_is_no_object() {
    for text in [
        format!("01-{TRACE}-{PARENT}-01"),
        format!("00-{TRACE}-{PARENT}-01-more"),
        format!("00-{TRACE}-{PARENT}-1"),
        format!("00-{TRACE}-{PARENT}-+1"),
        format!("00-{TRACE}0-{PARENT}-01"),
        format!("00-{TRACE}-{}-01", PARENT.replace('b', "ü")),
        "garbage".to_owned(),
        String::new(),
    ] {
        let message = with(&text);
        let metadata = &written(&message)["metadata"];
        assert_eq!(metadata["headers"]["traceparent"], Value::Null, "{text}");
        assert_eq!(metadata["extensions"], json!({"protean.traceparent": text}));
        assert_eq!(decode(&encode(&message)), Ok(message));
    }
}

#[test]
fn a_trace_context_is_read_as_text_and_never_written_so() {
    for text in [format!("00-{TRACE}-{PARENT}-01"), "garbage".to_owned()] {
        let mut envelope: Value = serde_json::from_str(GOLDEN).unwrap();
        envelope["metadata"]["headers"]["traceparent"] = json!(text);
        let message = decode(&envelope.to_string()).unwrap();
        assert_eq!(message.traceparent.as_deref(), Some(&*text));
        assert_python_takes(&encode(&message));
        assert_eq!(decode(&encode(&message)), Ok(message));
    }
}

#[test]
fn a_text_that_an_earlier_version_kept_in_its_rest_is_not_written_in_its_place() {
    let kept =
        json!({"metadata": {"headers": {"traceparent": "garbage"}, "domain": {"priority": null}}});
    let message = Message {
        rest: Some(serde_json::from_value(kept).unwrap()),
        ..message()
    };
    assert_python_takes(&encode(&message));
    let again = decode(&encode(&message)).unwrap();
    assert_eq!(again.traceparent, message.traceparent);
    assert_eq!(decode(&encode(&again)), Ok(again));
}

#[test]
fn strange_parts_are_kept_and_not_written_in_their_place() {
    for parts in [
        json!({"trace_id": TRACE, "parent_id": PARENT, "sampled": true, "state": "a=b"}),
        json!({"trace_id": TRACE, "parent_id": PARENT, "sampled": "yes"}),
        json!({"trace_id": TRACE, "parent_id": PARENT}),
        json!({"trace_id": "short", "parent_id": "", "sampled": false}),
        json!({"trace_id": "short", "parent_id": "", "sampled": null, "state": {}}),
    ] {
        let mut envelope: Value = serde_json::from_str(GOLDEN).unwrap();
        envelope["metadata"]["headers"]["traceparent"] = parts;
        let message = decode(&envelope.to_string()).unwrap();
        assert_python_takes(&encode(&message));
        assert_eq!(decode(&encode(&message)), Ok(message));
    }
}

#[test]
fn an_extension_counts_only_with_its_own_parts() {
    let text = encode(&with(&format!("00-{TRACE}-{PARENT}-03")));
    let changed = text.replace(
        &format!("\"parent_id\":\"{PARENT}"),
        "\"parent_id\":\"00f067aa0ba902b7",
    );
    assert_ne!(text, changed);
    let message = decode(&changed).unwrap();
    assert_eq!(
        message.traceparent.as_deref(),
        Some(&*format!("00-{TRACE}-00f067aa0ba902b7-01"))
    );
    assert_eq!(message.rest, None);
    assert!(!encode(&message).contains("protean.traceparent"));
}

proptest! {
    #[test]
    fn any_trace_context_survives_the_round_trip(
        text in prop_oneof![
            any::<String>(),
            "(00|01|ff)-[0-9a-fA-F]{32}-[0-9a-fA-F]{16}-[0-9a-fA-F]{2}",
            "00-[0-9a-g]{31,33}-[0-9a-f]{15,17}-0[0-3](-[a-z]{0,3})?",
        ],
    ) {
        let message = with(&text);
        assert_python_takes(&encode(&message));
        prop_assert_eq!(decode(&encode(&message)), Ok(message));
    }
}
