//! Parquet files that are broken, or made to break something.

use std::io::Cursor;
use std::path::Path;

use protean_import::limits::{FIELD_BYTES_MAX, ROW_BYTES_MAX};
use protean_import::{Error, Source};

use crate::formats::gz;
use crate::hand::{Fields, Hand, Page, finish, text, varint};

/// More rows than any file here has.
const ROWS_MAX: usize = 100_000;

fn open(bytes: Vec<u8>) -> Result<Source, Error> {
    Source::parquet("f", Cursor::new(bytes))
}

/// How many rows are read, and what ends them.
fn end(bytes: Vec<u8>) -> String {
    let source = match open(bytes) {
        Ok(source) => source,
        Err(error) => return error.to_string(),
    };
    let (mut rows, mut rejects) = (0, 0);
    for read in source.take(ROWS_MAX) {
        match read {
            Ok(Ok(_)) => rows += 1,
            Ok(Err(_)) => rejects += 1,
            Err(error) => return format!("{rows}: {error}"),
        }
    }
    format!("{rows} and {rejects} rejects")
}

fn sample(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples/parquet");
    std::fs::read(folder.join(name)).unwrap()
}

fn one(values: i64, encoding: i64, content: Vec<u8>) -> Vec<u8> {
    Hand::of(values, vec![Page::of_values(values, encoding, content)]).bytes()
}

#[test]
fn what_is_made_by_hand_can_be_read() {
    assert_eq!(end(one(1, 0, text(b"Dune"))), "1 and 0 rejects");
    let dictionary = Page::of_dictionary(1, text(b"Dune"));
    let numbers = Page::of_values(5, 8, vec![1, 10, 0]);
    assert_eq!(
        end(Hand::of(5, vec![dictionary, numbers]).bytes()),
        "5 and 0 rejects"
    );
}

#[test]
fn a_file_that_is_cut_anywhere_is_told() {
    let whole = sample("way_delta.parquet");
    for length in (0..whole.len()).step_by(29) {
        let told = end(whole[..length].to_vec());
        assert!(
            told.contains("[PE0890] f is no whole Parquet file"),
            "{told}"
        );
    }
}

#[test]
fn no_byte_can_make_it_panic() {
    for name in [
        "types_v1.parquet",
        "int96.parquet",
        "types_integers.parquet",
    ] {
        let whole = sample(name);
        for at in 0..whole.len() {
            for byte in [0, 0xff, whole[at] ^ 0x80, whole[at].wrapping_add(1)] {
                let mut bytes = whole.clone();
                bytes[at] = byte;
                let _ = end(bytes);
            }
        }
    }
}

fn page(values: i64, encoding: i64, content: Vec<u8>) -> Page {
    Page::of_values(values, encoding, content)
}

/// What each file ends with, by what is wrong with it.
fn told<const N: usize>(files: [(&str, Vec<u8>); N]) -> String {
    let told = files.map(|(what, bytes)| format!("{what} = {}", end(bytes)));
    told.join("\n")
}

#[test]
fn what_a_page_says_of_its_size_is_not_believed() {
    let sized = |bytes| {
        let page = Page {
            bytes,
            ..page(1, 0, text(b"Dune"))
        };
        Hand::of(1, vec![page]).bytes()
    };
    let packed = |codec, content| {
        let page = Page {
            bytes: 10,
            ..page(1, 0, content)
        };
        let hand = Hand {
            codec,
            ..Hand::of(1, vec![page])
        };
        hand.bytes()
    };
    let zeros = vec![0; 1 << 20];
    let snappy = snap::raw::Encoder::new().compress_vec(&zeros).unwrap();
    insta::assert_snapshot!(told([
        ("size", sized(1 << 40)),
        ("size below zero", sized(-1)),
        ("size of a plain page", sized(1 << 20)),
        ("snappy", packed(1, snappy)),
        ("snappy that is none", packed(1, vec![0xff; 10])),
        ("gzip", packed(2, gz(&zeros))),
        ("zstd that is none", packed(6, zeros)),
        ("values", one(1 << 40, 0, text(b"a"))),
        (
            "fewer values",
            Hand::of(3, vec![page(1, 0, text(b"a"))]).bytes()
        ),
        ("length", one(1, 0, vec![0xff; 8])),
    ]));
}

#[test]
fn what_a_page_says_of_its_values_is_not_believed() {
    let dictionary = || Page::of_dictionary(1, text(b"Dune"));
    let behind = |content| Hand::of(1, vec![dictionary(), page(1, 8, content)]).bytes();
    let mut lengths = vec![0x80, 1, 4, 1];
    varint(1, &mut lengths);
    let mut prefixes = vec![0x80, 1, 4, 1, 20];
    prefixes.extend([0x80, 1, 4, 1, 0]);
    insta::assert_snapshot!(told([
        ("no dictionary", one(1, 8, vec![1, 2, 0])),
        ("dictionary without it", behind(vec![8, 2, 77])),
        (
            "two dictionaries",
            Hand::of(1, vec![dictionary(), dictionary()]).bytes()
        ),
        ("wide numbers", behind(vec![200, 2, 0])),
        ("empty run", behind(vec![1, 0, 0])),
        ("encoding", one(1, 77, text(b"a"))),
        ("length below zero", one(1, 6, lengths)),
        ("prefix", one(1, 7, prefixes)),
        ("blocks", one(1, 6, vec![0xff, 0xff, 0xff, 0x7f, 1, 1, 0])),
        ("a number without end", one(1, 6, vec![0xff; 20])),
        (
            "nothing but dictionaries",
            Hand::of(1, vec![Page::of_dictionary(0, Vec::new())]).bytes()
        ),
    ]));
}

fn file(footer: Fields) -> Vec<u8> {
    finish(b"PAR1".to_vec(), &footer.end())
}

#[test]
fn a_file_without_a_description_is_told() {
    let mut long = file(Fields::default());
    let at = long.len() - 8;
    long[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    let mut longer = long.clone();
    longer[at..at + 4].copy_from_slice(&1000_u32.to_le_bytes());
    let mut encrypted = file(Fields::default());
    let last = encrypted.len() - 1;
    encrypted[last] = b'E';
    let many = Fields::default().raw(&[0x29, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x7f]);
    let deep = Fields::default().raw(&[0x1c; 100_000]);
    insta::assert_snapshot!(told([
        ("nothing", Vec::new()),
        ("four letters", b"PAR1".to_vec()),
        ("no letters", b"title,unit_price\nDune,9.99\n".to_vec()),
        ("length", long),
        ("another length", longer),
        ("encrypted", encrypted),
        ("no columns", file(Fields::default())),
        ("more than there is", file(many)),
        ("deep", file(deep)),
    ]));
}

#[test]
fn what_a_file_says_of_itself_is_not_believed() {
    let root = |children| Fields::default().text(4, "root").number(5, children);
    let column = |physical| {
        let column = Fields::default().number(1, physical).number(3, 0);
        column.text(4, "title")
    };
    let schema = |columns: Vec<Fields>| Fields::default().list(2, columns);
    let part = |values, bytes| {
        let part = Fields::default().number(5, values).number(7, bytes);
        Fields::default().structure(3, part.number(9, 4))
    };
    let grouped = |parts, rows| {
        let group = Fields::default().list(1, parts).number(3, rows);
        file(schema(vec![root(1), column(6)]).list(4, vec![group]))
    };
    insta::assert_snapshot!(told([
        ("fewer columns", file(schema(vec![root(5), column(6)]))),
        ("type", file(schema(vec![root(1), column(99)]))),
        ("many columns", file(schema(vec![column(6); 5_000]))),
        (
            "two of one name",
            file(schema(vec![root(2), column(6), column(6)]))
        ),
        ("beyond the end", grouped(vec![part(1, 1 << 50)], 1)),
        ("no part", grouped(Vec::new(), 1)),
        ("other rows", grouped(vec![part(7, 0)], 1)),
        ("rows below zero", grouped(vec![part(1, 0)], -1)),
    ]));
}

#[test]
fn a_few_bytes_do_not_become_rows_without_end() {
    let value = text(&vec![b'x'; FIELD_BYTES_MAX]);
    let packed = gz(&value);
    let dictionary = Page {
        bytes: i64::try_from(value.len()).unwrap(),
        ..Page::of_dictionary(1, packed)
    };
    let mut run = vec![1];
    varint(1_000_000 << 1, &mut run);
    run.push(0);
    let numbers = Page {
        bytes: i64::try_from(run.len()).unwrap(),
        ..Page::of_values(1_000_000, 8, gz(&run))
    };
    let hand = Hand {
        codec: 2,
        ..Hand::of(1_000_000, vec![dictionary, numbers])
    };
    let told = end(hand.bytes());
    assert!(
        told.starts_with(
            "63: [PE0892] f has rows of more than 2000 times its size (row group 1, after row 64)"
        ),
        "{told}"
    );
}

#[test]
fn a_value_that_is_too_long_rejects_its_row_and_a_row_the_file() {
    let long = text(&vec![b'x'; FIELD_BYTES_MAX + 1]);
    let both = [long, text(b"Dune")].concat();
    assert_eq!(end(one(2, 0, both)), "1 and 1 rejects");
    let longer = text(&vec![b'x'; ROW_BYTES_MAX + 1]);
    let told = end(one(1, 0, longer));
    assert!(
        told.starts_with("0: [PE0892] f has a row (column \"title\""),
        "{told}"
    );
}
