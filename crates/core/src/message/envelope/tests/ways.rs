use proptest::prelude::*;
use serde_json::Value;

use super::super::decode::general as read;
use super::super::encode::general as write;
use super::super::{decode, encode, quick};
use super::rest::envelopes;
use super::{GOLDEN, message, payloads};
use crate::message::{Kind, Message};

/// Read in the short way or in the long one, an envelope is the same.
fn assert_same(text: &str) {
    let long = read(text);
    assert_eq!(decode(text), long, "{text}");
    if let Some(message) = quick::message(text) {
        assert_eq!(Ok(message), long, "{text}");
    }
}

#[test]
fn what_is_written_here_is_read_in_the_short_way() {
    let plain = message();
    for message in [
        plain.clone(),
        Message {
            kind: Kind::Event,
            key: None,
            causation_id: None,
            traceparent: None,
            idempotency_key: None,
            sequence_id: Some("0.1".to_owned()),
            ..plain.clone()
        },
        Message {
            traceparent: Some("garbage".into()),
            type_name: "Unversioned".into(),
            correlation_id: "\"quoted\" and \\ escaped".into(),
            ..plain
        },
    ] {
        let text = encode(&message);
        assert_eq!(quick::message(&text), Some(message.clone()));
        assert_same(&text);
        // White space and order tell nothing.
        let pretty: Value = serde_json::from_str(&text).unwrap();
        let pretty = serde_json::to_string_pretty(&pretty).unwrap();
        assert!(quick::message(&pretty).is_some());
        assert_same(&pretty);
    }
}

#[test]
fn what_says_more_or_is_faulty_is_left_to_the_long_way() {
    let text = encode(&message());
    for (from, to) in [
        ("\"deadline\":null", "\"deadline\":0"),
        ("\"expected_version\":null", "\"expected_version\":2"),
        ("\"event_store\":null", "\"event_store\":{\"position\":3}"),
        ("\"extensions\":{}", "\"extensions\":{\"user\":12}"),
        ("\"extensions\":{}", "\"extensions\":null"),
        ("\"asynchronous\":true", "\"asynchronous\":false"),
        ("\"version\":1", "\"version\":1.0"),
        ("\"version\":1", "\"version\":2"),
        ("\"specversion\":\"1.0\"", "\"specversion\":\"1.1\""),
        ("\"priority\":-100", "\"priority\":null"),
        ("\"priority\":-100", "\"priority\":-100,\"priority\":3"),
        ("\"sampled\":true", "\"sampled\":null"),
        ("00:00.500000", "00:00.5"),
        ("12:00:00.500000+00:00", "13:00:00.500000+01:00"),
        ("000000000007", "00000000000A"),
        ("\"checksum\":\"", "\"checksum\":\"0"),
        ("\"metadata\":", "\"more\":1,\"metadata\":"),
        ("\"metadata\":", "\"metadata\":{},\"metadata\":"),
        ("\"data\":{", "\"data\":[{"),
        ("book:command-b-7", "book-b-7"),
    ] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(text, changed);
        assert_eq!(quick::message(&changed), None, "{changed}");
        assert_same(&changed);
    }
    assert_eq!(quick::message(GOLDEN), None);
    assert_same(GOLDEN);
}

#[test]
fn times_are_written_as_the_calendar_has_them() {
    for text in [
        "2026-01-31T12:00:00.123456789Z",
        "1969-12-31T23:59:59.999999Z",
        "0000-01-01T00:00:00Z",
        "9999-12-30T22:00:00Z",
        "-000001-12-31T00:00:00.5Z",
        "-009999-01-02T01:59:59Z",
        "2024-02-29T23:59:59.000001Z",
    ] {
        let time: jiff::Timestamp = text.parse().unwrap();
        let expected = time.strftime("%Y-%m-%dT%H:%M:%S.%6f+00:00").to_string();
        assert_eq!(super::super::shape::time(time), expected);
    }
}

proptest! {
    #[test]
    fn a_message_is_written_the_same_both_ways(
        payload in payloads(),
        texts in prop::array::uniform3(any::<String>()),
        options in prop::array::uniform4(prop::option::of(any::<String>())),
        micros in -62_167_219_200_000_000_i64..253_402_207_200_000_000,
    ) {
        let [type_name, stream, correlation_id] = texts;
        let [key, traceparent, idempotency_key, sequence_id] = options;
        let message = Message {
            data: payload.to_string(),
            type_name: type_name.into(),
            stream: stream.into(),
            correlation_id: correlation_id.into(),
            key,
            traceparent: traceparent.map(Into::into),
            idempotency_key,
            sequence_id,
            time: jiff::Timestamp::from_microsecond(micros).unwrap(),
            ..message()
        };
        let [short, long] = [encode(&message), write(&message, None)];
        let values = [&short, &long].map(|text| serde_json::from_str::<Value>(text).unwrap());
        prop_assert_eq!(&values[0], &values[1]);
        prop_assert_eq!(decode(&short), Ok(message));
        assert_same(&short);
    }

    #[test]
    fn an_envelope_is_read_the_same_both_ways(envelope in envelopes(), cut in any::<prop::sample::Index>()) {
        let text = envelope.to_string();
        assert_same(&text);
        let mut chars: Vec<char> = text.chars().collect();
        chars.remove(cut.index(chars.len()));
        assert_same(&chars.iter().collect::<String>());
    }

    #[test]
    fn any_change_of_a_character_is_read_the_same_both_ways(at in any::<prop::sample::Index>(), other in any::<char>()) {
        let mut chars: Vec<char> = encode(&message()).chars().collect();
        let at = at.index(chars.len());
        chars[at] = other;
        assert_same(&chars.iter().collect::<String>());
    }
}
