//! Files that are broken, or made to break something.

use std::io::{Read, Write as _};

use flate2::Compression;
use flate2::write::GzEncoder;
use protean_import::limits::{COLUMNS_MAX, FIELD_BYTES_MAX, ROW_BYTES_MAX};
use protean_import::{Error, Plan, Reading, Source};

use crate::domain::{check, open, open_as, outcomes};

/// What reading ends with, and how many rows were read before.
fn end(source: Result<Source, Error>) -> (usize, String) {
    let mut rows = 0;
    match source {
        Err(error) => (rows, error.to_string()),
        Ok(source) => {
            for read in source {
                match read {
                    Ok(_) => rows += 1,
                    Err(error) => return (rows, error.to_string()),
                }
            }
            (rows, "the end".to_owned())
        }
    }
}

/// The same bytes again and again, so many in all, out of nothing.
fn endless(start: &'static [u8], byte: u8, bytes: u64) -> impl Read + Send {
    start.chain(std::io::repeat(byte).take(bytes))
}

fn catalog(rows: usize) -> String {
    let mut text = "title,unit_price\n".to_owned();
    for nth in 0..rows {
        text += &format!("Book {nth},{}.50\n", nth * 7919 % 1_000);
    }
    text
}

#[test]
fn a_header_that_is_none_is_one_clear_error() {
    let told: Vec<String> = [
        ("empty.csv", b"".to_vec()),
        ("blank.csv", b"\n\r\n\n".to_vec()),
        ("twice.csv", b"title,price, title\n".to_vec()),
        ("nul.csv", b"t\0i\0t\0l\0e\0,\0p\0\n\0".to_vec()),
        ("latin.csv", b"titre,\xe9diteur\n".to_vec()),
        ("commas.csv", b",,,\n1,2,3,4\n".to_vec()),
        ("reserved.csv", b"_line,_field,_reason\n".to_vec()),
        ("long.csv", vec![b'x'; 300 * 1024]),
        ("wide.csv", vec![b','; COLUMNS_MAX + 1]),
        ("sheet.xlsx", b"PK\x03\x04...".to_vec()),
        ("a.csv.bz2", b"BZh91AY".to_vec()),
        ("empty.jsonl", b"\n".to_vec()),
        ("array.json", b"[\n{\"a\":1}\n]".to_vec()),
        ("bad.csv.gz", b"\x1f\x8bgarbage".to_vec()),
        ("bad.csv.zst", b"\x28\xb5\x2f\xfdgarbage".to_vec()),
    ]
    .into_iter()
    .map(|(file, bytes)| end(open(file, bytes)).1)
    .collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    [PE0805] expected a file with rows, found an empty one: empty.csv; its first line names the columns
    [PE0805] expected a file with rows, found an empty one: blank.csv; its first line names the columns
    [PE0807] the columns 1 and 3 of twice.csv are both called "title"; rename one of them
    [PE0806] the first line of nul.csv names no columns: it has NUL characters; is its encoding utf-16le or utf-16be?
    [PE0806] the first line of latin.csv names no columns: column 2 is not UTF-8; say which encoding the file has
    [PE0806] the first line of commas.csv names no columns: all of them are empty
    [PE0806] the first line of reserved.csv names no columns: it names no columns but those of rejects
    [PE0806] the first line of long.csv names no columns: it has more than 256 KiB; is it text, and is the delimiter right?
    [PE0809] line 1 of wide.csv has more than 4096 fields; is the delimiter right?
    [PE0804] expected CSV, TSV or JSON Lines, plain or packed as gz or zst, or Parquet, found a zip or spreadsheet file in sheet.xlsx; unpack it, or save it as CSV
    [PE0804] expected CSV, TSV or JSON Lines, plain or packed as gz or zst, or Parquet, found a bzip2 file in a.csv.bz2; unpack it, or pack it with gzip or zstd
    [PE0805] expected a file with rows, found an empty one: empty.jsonl; its first line names the columns
    [PE0804] expected CSV, TSV or JSON Lines, plain or packed as gz or zst, or Parquet, found a JSON array in array.json; write one object on each line, as `jq -c '.[]'` does
    [PE0802] bad.csv.gz is damaged after line 0: it ends too early; expected a whole gz file, pack or copy it again
    [PE0802] bad.csv.zst is damaged after line 0: Frame header specified dictionary id 0x61627261 that wasnt provided by add_dict() or reset_with_dict(); expected a whole zst file, pack or copy it again
    "#);
    let missing = Source::open("missing.csv".as_ref(), &Reading::default());
    assert!(
        end(missing)
            .1
            .starts_with("[PE0801] cannot read missing.csv: No such")
    );
    let folder = Source::open(".".as_ref(), &Reading::default());
    assert!(end(folder).1.contains("is a directory"));
}

#[test]
fn a_row_without_an_end_is_told_where_it_begins_and_fills_no_memory() {
    // Two gigabytes, of which no more than a row is read.
    const BYTES: u64 = 2 << 30;
    let reading = Reading::default();
    for (file, start, byte) in [
        ("a.csv", &b"title,unit_price\nDune,1\n"[..], b'x'),
        ("quote.csv", b"title,unit_price\nDune,1\n\"", b'x'),
        ("lines.csv", b"title,unit_price\nDune,1\n\"", b'\n'),
        ("a.jsonl", b"{\"title\":1}\n{\"title\":2}\n", b'{'),
    ] {
        let source = Source::from_reader(file, endless(start, byte, BYTES), &reading);
        let source = source.unwrap();
        let meter = source.meter().clone();
        let (rows, told) = end(Ok(source));
        assert!(told.starts_with("[PE0808] the row on line 3 of "), "{told}");
        assert_eq!(rows, if file == "a.jsonl" { 2 } else { 1 }, "{file}");
        assert!(meter.bytes_read() < 2 * ROW_BYTES_MAX as u64, "{file}");
    }
    let (_, told) = end(open(
        "a.csv",
        ["a\n", &",".repeat(COLUMNS_MAX + 1)].concat(),
    ));
    assert!(told.starts_with("[PE0809] line 2 of a.csv"), "{told}");
}

#[test]
fn a_quote_that_nothing_closes_is_told() {
    for text in ["a,b\n1,2\n3,\"4\n5,6\n", "a,b\n1,2\n3,\"4\"\""] {
        assert_eq!(
            end(open("a.csv", text)),
            (
                1,
                "[PE0810] a.csv ends inside quotes: the row that starts on line 3 opens a quote \
                 that nothing closes"
                    .to_owned()
            )
        );
    }
    for text in ["a,b\n3,\"4\"", "a,b\n3,\"\"", "a,b\n3,4\"", "a,b\n3,"] {
        assert_eq!(
            end(open("a.csv", text)),
            (1, "the end".to_owned()),
            "{text}"
        );
    }
}

#[test]
fn what_is_wrong_with_a_row_costs_only_that_row() {
    let mut text = b"title,unit_price\n".to_vec();
    text.extend_from_slice(
        b"Dune,1\nDune\nDune,1,2\nCaf\xe9,1\nDu\0ne,1\nDune,\xff\n=cmd|' /C calc'!A0,1\n",
    );
    text.extend_from_slice(format!("{},1\n", "x".repeat(FIELD_BYTES_MAX + 1)).as_bytes());
    text.extend_from_slice(b"a\xc3,\xa91\nEmma,2\n");
    let found = outcomes(open("a.csv", text).unwrap());
    insta::assert_snapshot!(found.join("\n"), @r#"
    2: title="Dune" unit_price="1"
    3: REJECT expected 2 fields, found 1
    4: REJECT expected 2 fields, found 3
    5: REJECT title: expected text, found bytes that are none (byte 4 of it)
    6: REJECT title: expected text, found a NUL character
    7: REJECT unit_price: expected text, found bytes that are none (byte 1 of it)
    8: title="=cmd|' /C calc'!A0" unit_price="1"
    9: REJECT title: expected at most 1048576 bytes, found 1048577
    10: REJECT title: expected text, found bytes that are none (byte 2 of it)
    11: title="Emma" unit_price="2"
    "#);
}

#[test]
fn text_of_another_encoding_costs_the_rows_that_are_none() {
    let bytes = b"title,unit_price\n\x93\xfa\x96{,1\n\x93\xff,2\nEmma,3\n".to_vec();
    let reading = Reading {
        encoding: "shift_jis".parse().unwrap(),
        ..Reading::default()
    };
    let found = outcomes(open_as("a.csv", bytes, &reading).unwrap());
    insta::assert_snapshot!(found.join("\n"), @r#"
    2: title="日本" unit_price="1"
    3: REJECT title: expected text, found bytes that are none (byte 1 of it)
    4: title="Emma" unit_price="3"
    "#);
}

#[test]
fn a_packed_file_that_ends_too_early_is_told_behind_its_last_row() {
    let text = catalog(20_000);
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    let gz = encoder.finish().unwrap();
    let level = ruzstd::encoding::CompressionLevel::Fastest;
    let zst = ruzstd::encoding::compress_to_vec(text.as_bytes(), level);
    for (file, packed) in [("a.csv.gz", gz), ("a.csv.zst", zst)] {
        assert_eq!(
            end(open(file, packed.clone())),
            (20_000, "the end".to_owned())
        );
        let half = packed[..packed.len() / 2].to_vec();
        let (rows, told) = end(open(file, half));
        assert!(told.starts_with("[PE0802] "), "{told}");
        // A zst decoder keeps its last window back until the frame ends: of a small file all of it.
        let told_after = if rows == 0 { 0 } else { rows + 1 };
        assert!(
            rows < 20_000 && (rows > 1_000 || file == "a.csv.zst"),
            "{rows}"
        );
        assert!(
            told.contains(&format!("damaged after line {told_after}:")),
            "{rows}: {told}"
        );
        let mut flipped = packed.clone();
        let at = packed.len() - 6;
        flipped[at] ^= 0x40;
        assert!(
            end(open(file, flipped)).1.starts_with("[PE0802] "),
            "{file}"
        );
    }
}

#[test]
fn a_bomb_ends_before_it_goes_off() {
    // Long rows that are all alike, packed several hundred times smaller.
    let row = [&*b"x".repeat(100_000), b",1\n"].concat();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(6));
    encoder.write_all(b"title,unit_price\n").unwrap();
    for _ in 0..800 {
        encoder.write_all(&row).unwrap();
    }
    let (_, told) = end(open("a.csv.gz", encoder.finish().unwrap()));
    assert!(
        told.starts_with("[PE0803] a.csv.gz becomes more than 200 times"),
        "{told}"
    );
}

#[test]
fn an_option_that_makes_no_sense_is_told() {
    let reading = Reading {
        delimiter: Some('"'),
        ..Reading::default()
    };
    let (_, told) = end(open_as("a.csv", "a,b\n", &reading));
    assert!(
        told.starts_with("[PE0811] expected one ASCII character"),
        "{told}"
    );
    assert!(protean_import::delimiter("tab").is_ok());
    assert!(protean_import::delimiter(",,").is_err());
    assert!("title".parse::<protean_import::Assignment>().is_err());
    assert!("xml".parse::<protean_import::Format>().is_err());
}

#[test]
fn a_reader_that_fails_half_way_ends_the_check() {
    let text = catalog(3_000);
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    let mut gz = encoder.finish().unwrap();
    gz.truncate(gz.len() / 2);
    let error = check(open("a.csv", gz).unwrap(), &Plan::default()).unwrap_err();
    assert!(matches!(error, Error::Damaged { .. }), "{error}");
}
