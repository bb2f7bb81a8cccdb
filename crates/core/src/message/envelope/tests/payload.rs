use proptest::prelude::*;
use serde_json::value::RawValue;

use super::super::canonical::{canonical, checksum_anew, payload, python_number};
use super::super::{checksum, scan};
use super::payloads;

#[test]
fn checksums_are_those_of_python() {
    let payload = r#"{"title": "Übers Meer 星 😀", "price": 1e16, "tiny": 0.00001,
        "n": 12345678901234567890123, "f": 0.1,
        "nested": {"b": [1, 2.5, null, true], "a": "x\n\"\\\u007f"}}"#;
    assert_eq!(
        checksum(payload).unwrap(),
        "5141872b9cc7e88a64cef3432eb663e362e2fcb61853ba36b7d8c510643065c5"
    );
    // On the left as it may come, on the right as Python would write it.
    for (number, written) in [
        ("1.0", "1.0"),
        ("-0.0", "-0.0"),
        ("-0", "0"),
        ("123456789012345678.0", "1.2345678901234568e+17"),
        ("1e22", "1e+22"),
        ("0.0001", "0.0001"),
        ("0.00001", "1e-05"),
        ("5e-324", "5e-324"),
        ("1.7976931348623157e308", "1.7976931348623157e+308"),
        ("1E14", "100000000000000.0"),
        ("1234567890123456.7", "1234567890123456.8"),
        ("1e999", "Infinity"),
    ] {
        let mut text = String::new();
        python_number(number, &mut text);
        assert_eq!(text, written, "{number}");
    }
}

/// Recognised or not, the payload and its checksum are the ones that writing it anew gives.
fn assert_same_as_anew(text: &str) {
    assert_eq!(checksum(text), checksum_anew(text), "{text}");
    let Ok(raw) = serde_json::from_str::<&RawValue>(text) else {
        assert_eq!(scan::digest(text), None, "{text}");
        return;
    };
    let anew = canonical(raw).and_then(|text| Ok((text, checksum_anew(raw.get())?)));
    assert_eq!(payload(raw), anew, "{text}");
    if scan::digest(text).is_some() {
        assert_eq!(anew.unwrap().0, text);
    }
}

#[test]
fn payloads_in_their_one_form_are_recognised() {
    for text in [
        "{}",
        "[]",
        "\"\"",
        "null",
        "-0",
        r#"{"":1,"a":{"b":[1,-2,3.50,1e5,-0,0],"c":true},"b":false,"z":null}"#,
        r#"{"title":"Die Straße, 星 und 😀","zz":"\"\\\b\f\n\r\t/"}"#,
        "{\"a\":\"\u{7f}\u{2028}\",\"ä\":1,\"星\":2,\"😀\":3}",
        r#"{"a":1.0,"b":"ü","c":0.00001,"d":1E400}"#,
    ] {
        assert!(scan::digest(text).is_some(), "{text}");
        assert_same_as_anew(text);
    }
}

#[test]
fn payloads_in_another_form_are_written_anew() {
    let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    for text in [
        r#"{"b":1,"a":2}"#,
        r#"{"a":1,"a":2}"#,
        r#"{"a": 1}"#,
        r#" {"a":1}"#,
        r#"{"a":1} "#,
        r#"{"a":"\/"}"#,
        r#"{"a":"\u00fc"}"#,
        r#"{"a":"\ud800"}"#,
        r#"{"a!":1,"a\n":2}"#,
        r#"{"a":01}"#,
        r#"{"a":1.}"#,
        r#"{"a":.1}"#,
        r#"{"a":-}"#,
        r#"{"a":1e}"#,
        r#"{"a":+1}"#,
        r#"{"a":nul}"#,
        r#"{"a":1,}"#,
        r#"{"a"}"#,
        r#"{"a":1"#,
        r#"{"a":1}}"#,
        r#"["#,
        r#"[1,]"#,
        r#"""#,
        r#""\"#,
        "\"\n\"",
        "",
        "{",
        "tru",
        &deep(66),
        &deep(200),
    ] {
        assert_eq!(scan::digest(text), None, "{text}");
        assert_same_as_anew(text);
    }
    for depth in 60..70 {
        assert_same_as_anew(&deep(depth));
        assert_same_as_anew(&deep(depth).replace("[]", "[1]"));
    }
}

proptest! {
    #[test]
    fn any_payload_is_the_same_both_ways(payload in payloads(), at in any::<prop::sample::Index>(), other in any::<char>()) {
        let text = payload.to_string();
        assert_same_as_anew(&text);
        assert_same_as_anew(&serde_json::to_string_pretty(&payload).unwrap());
        let mut chars: Vec<char> = text.chars().collect();
        let at = at.index(chars.len());
        chars[at] = other;
        assert_same_as_anew(&chars.iter().collect::<String>());
        chars.remove(at);
        assert_same_as_anew(&chars.iter().collect::<String>());
    }

    #[test]
    fn any_text_is_the_same_both_ways(text in r#"[\[\]{}",:0-9eE.+\- \\nrtfalsu]{0,24}"#) {
        assert_same_as_anew(&text);
    }

    #[test]
    fn numbers_are_the_same_both_ways(number in "-?(0|[1-9][0-9]{0,20})([.][0-9]{1,20})?([eE][+-]?[0-9]{1,3})?") {
        prop_assert!(scan::digest(&number).is_some());
        assert_same_as_anew(&number);
        assert_same_as_anew(&format!("{{\"a\":[{number},\"ü\",{number}],\"b\":{number}}}"));
    }
}
