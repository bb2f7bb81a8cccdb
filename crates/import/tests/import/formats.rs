//! What the readers make of well-formed files.

use std::io::{Read, Write as _};

use flate2::Compression;
use flate2::write::GzEncoder;
use protean_import::{Encoding, Format, Reading, Source};

use crate::domain::{open, open_as, outcomes};

const GOOD: &str = "title,unit_price\nDune,9.99\n\"Emma, or\nso\",7.50\n";
const READ: [&str; 2] = [
    r#"2: title="Dune" unit_price="9.99""#,
    r#"3: title="Emma, or\nso" unit_price="7.50""#,
];

pub(crate) fn gz(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn zst(text: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(text, ruzstd::encoding::CompressionLevel::Fastest)
}

#[test]
fn lines_end_as_they_like() {
    for end in ["\n", "\r\n", "\r", "\n\n", "\r\n\r\n"] {
        let text = format!("title,unit_price{end}Dune,9.99{end}Emma,7.50");
        let per_row = if end.len() > 1 && end != "\r\n" { 2 } else { 1 };
        let expected = [
            format!(r#"{}: title="Dune" unit_price="9.99""#, 1 + per_row),
            format!(r#"{}: title="Emma" unit_price="7.50""#, 1 + 2 * per_row),
        ];
        assert_eq!(outcomes(open("a.csv", text).unwrap()), expected, "{end:?}");
    }
}

#[test]
fn quotes_hold_delimiters_line_ends_and_quotes() {
    assert_eq!(outcomes(open("a.csv", GOOD).unwrap()), READ);
    let text = "title,unit_price\n\"a \"\"b\"\"\",1\nc \"d\" e,2\n";
    assert_eq!(
        outcomes(open("a.csv", text).unwrap()),
        [
            r#"2: title="a \"b\"" unit_price="1""#,
            r#"3: title="c \"d\" e" unit_price="2""#,
        ]
    );
}

#[test]
fn the_delimiter_is_told_by_the_name_or_the_first_line() {
    for (file, delimiter) in [
        ("a.csv", ';'),
        ("a.csv", '\t'),
        ("a.tsv", '\t'),
        ("a", '|'),
        ("a.TAB", '\t'),
    ] {
        let text = format!("title{delimiter}unit_price\nDune{delimiter}9.99\n");
        let source = open(file, text).unwrap();
        assert_eq!(source.layout().delimiter, delimiter, "{file}");
        assert_eq!(outcomes(source), READ[..1], "{file}");
    }
    let text = "title:unit_price\nDune:9.99\n";
    let reading = Reading {
        delimiter: Some(':'),
        ..Reading::default()
    };
    assert_eq!(
        outcomes(open_as("a.csv", text, &reading).unwrap()),
        READ[..1]
    );
}

#[test]
fn packed_files_are_known_by_their_first_bytes() {
    let two = [&GOOD[..20], &GOOD[20..]].map(str::as_bytes);
    for (what, packed) in [
        ("gz", gz(GOOD.as_bytes())),
        ("zst", zst(GOOD.as_bytes())),
        ("two gz members", [gz(two[0]), gz(two[1])].concat()),
        ("two zst frames", [zst(two[0]), zst(two[1])].concat()),
        (
            "a zst frame to skip",
            [b"\x50\x2a\x4d\x18\x03\0\0\0abc", &*zst(GOOD.as_bytes())].concat(),
        ),
    ] {
        assert_eq!(outcomes(open("a.csv", packed).unwrap()), READ, "{what}");
    }
}

/// Gives a byte at a time, as a slow pipe does.
struct Trickle(std::io::Cursor<Vec<u8>>);

impl Read for Trickle {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let one = buffer.len().min(1);
        self.0.read(&mut buffer[..one])
    }
}

#[test]
fn a_slow_pipe_is_read_like_a_file() {
    for bytes in [
        GOOD.as_bytes().to_vec(),
        gz(GOOD.as_bytes()),
        zst(GOOD.as_bytes()),
        [b"\xef\xbb\xbf", GOOD.as_bytes()].concat(),
    ] {
        let pipe = Trickle(std::io::Cursor::new(bytes));
        let source = Source::from_reader("-", pipe, &Reading::default()).unwrap();
        assert_eq!(outcomes(source), READ);
    }
}

#[test]
fn encodings_are_declared_or_told_by_a_byte_order_mark() {
    let text = "title,unit_price\nCafé,9.99\n";
    let expected = [r#"2: title="Café" unit_price="9.99""#];
    let utf_16 = |to: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(to).collect::<Vec<u8>>();
    let mark = |mark: &[u8], text: &[u8]| [mark, text].concat();
    let latin: Vec<u8> = text.chars().map(|one| one as u8).collect();
    for (encoding, bytes) in [
        ("utf-8", mark(b"\xef\xbb\xbf", text.as_bytes())),
        ("utf-8", mark(b"\xff\xfe", &utf_16(u16::to_le_bytes))),
        ("utf-8", mark(b"\xfe\xff", &utf_16(u16::to_be_bytes))),
        ("utf-16le", utf_16(u16::to_le_bytes)),
        ("latin1", latin.clone()),
        ("latin1", mark(b"\xef\xbb\xbf", text.as_bytes())),
        ("windows-1252", gz(&latin)),
    ] {
        let reading = Reading {
            encoding: encoding.parse().unwrap(),
            ..Reading::default()
        };
        let source = open_as("a.csv", bytes, &reading).unwrap();
        assert_eq!(outcomes(source), expected, "{encoding}");
    }
    let unknown = "latin-99".parse::<Encoding>().unwrap_err().to_string();
    assert!(
        unknown.starts_with("[PE0811] expected an encoding"),
        "{unknown}"
    );
}

#[test]
fn columns_can_be_said_where_no_line_does() {
    let reading = Reading {
        format: Some(Format::Text),
        columns: Some(vec!["title".to_owned(), "unit_price".to_owned()]),
        ..Reading::default()
    };
    let text = "Du\\tne\t9.99\nEmma\t\\N\n\\.\n";
    assert_eq!(
        outcomes(open_as("a.txt", text, &reading).unwrap()),
        [
            r#"1: title="Du\tne" unit_price="9.99""#,
            "2: REJECT unit_price: is required",
        ]
    );
}

#[test]
fn json_objects_have_their_keys_in_any_order_and_not_all() {
    let text = r#"{"title": "Dune", "unit_price": 9.990}
not json

 {"isbn": "1", "unit_price": "7.50", "title": "Emma"}
{"title": 1984, "unit_price": 7, "sold": true, "weight": 1e-1, "pages": null}
[1]
{"title":"a","unit_price":true}
{"title":"a","title":"b","unit_price":1}
{"title":{},"unit_price":1}
"#;
    let found = outcomes(open("a.jsonl", text).unwrap());
    insta::assert_snapshot!(found.join("\n"), @r#"
    1: title="Dune" unit_price="9.990"
    2: REJECT expected a JSON object: expected ident at byte 2
    4: isbn="1" title="Emma" unit_price="7.50"
    5: sold=true title="1984" unit_price="7" weight=0.1
    6: REJECT expected a JSON object: invalid type: sequence, expected an object
    7: REJECT unit_price: expected a number such as 9.99, found "true"
    8: REJECT title: stands there twice
    9: REJECT title: expected text, found "{}"
    "#);
}

#[test]
fn reading_goes_on_behind_any_row() {
    let mut text = "title,unit_price\n".to_owned();
    for nth in 0..1_000 {
        text += if nth % 7 == 0 {
            "\"a\n\",1,2\n"
        } else {
            "b,1\n"
        };
    }
    let all: Vec<_> = open("a.csv", &*text).unwrap().map(Result::unwrap).collect();
    for from in [0, 1, 511, 512, 999, 1_000] {
        let mut source = open("a.csv", &*text).unwrap();
        assert_eq!(source.skip_rows(from as u64).unwrap(), from as u64);
        assert_eq!(source.position(), from as u64);
        let rest: Vec<_> = source.map(Result::unwrap).collect();
        assert_eq!(rest, all[from..]);
    }
    assert_eq!(
        open("a.csv", text).unwrap().skip_rows(5_000).unwrap(),
        1_000
    );
}
