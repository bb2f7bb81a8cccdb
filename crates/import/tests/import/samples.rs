//! Files as other programs make them, unchanged: pandas (`to_csv`, `to_json`, `to_parquet`),
//! LibreOffice Calc and psql (`\copy`). The README beside them says how.

use std::path::Path;

use protean_import::{Format, Plan, Reading, Source};

use crate::domain::{check, outcome};

fn read(file: &str, reading: &Reading) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples");
    let source = Source::open(&folder.join(file), reading).unwrap();
    let rows = check(source, &Plan::default()).unwrap().into_iter();
    rows.map(outcome).collect::<Vec<_>>().join("\n")
}

/// The same without the lines, which differ where a title has two.
fn without_lines(read: &str) -> Vec<&str> {
    read.lines()
        .filter_map(|line| line.split_once(": ").map(|(_, row)| row))
        .collect()
}

#[test]
fn pandas() {
    let plain = read("pandas.csv", &Reading::default());
    insta::assert_snapshot!(plain, @r#"
    2: added_at="2026-01-31T12:00:00Z" isbn="9780441013593" pages=412 sold=true title="Dune" unit_price="9.99" weight=0.5
    3: title="Emma, or so" unit_price="7.5"
    4: added_at="2026-02-01T00:00:00Z" pages=300 title="The \"Best\" of" unit_price="0.00001" weight=1.25
    5: added_at="2026-02-01T00:00:00.123456Z" isbn="007" pages=12 sold=true title="Café ☕" unit_price="12.0"
    6: title="Two\nLines" unit_price="3.0" weight=1e-7
    8: added_at="2026-03-01T00:00:00Z" pages=1 sold=true title="=1+1" unit_price="10000000000000000" weight=2.0
    "#);
    for file in ["pandas_noindex.tsv.gz", "pandas_quoted_windows.csv"] {
        assert_eq!(read(file, &Reading::default()), plain, "{file}");
    }
    let parquet = read("pandas.parquet", &Reading::default());
    insta::assert_snapshot!(parquet);
    assert_eq!(read("pandas_gzip.parquet", &Reading::default()), parquet);
    insta::assert_snapshot!(read("pandas.jsonl", &Reading::default()), @r#"
    1: added_at="2026-01-31T12:00:00Z" isbn="9780441013593" pages=412 sold=true title="Dune" unit_price="9.99" weight=0.5
    2: title="Emma, or so" unit_price="7.5"
    3: added_at="2026-02-01T00:00:00Z" pages=300 title="The \"Best\" of" unit_price="0.00001" weight=1.25
    4: added_at="2026-02-01T00:00:00.123Z" isbn="007" pages=12 sold=true title="Café ☕" unit_price="12.0"
    5: title="Two\nLines" unit_price="3.0" weight=1e-7
    6: added_at="2026-03-01T00:00:00Z" pages=1 sold=true title="=1+1" unit_price="10000000000000000.0" weight=2.0
    "#);
}

#[test]
fn libreoffice() {
    let plain = read("libreoffice.csv", &Reading::default());
    insta::assert_snapshot!(plain, @r#"
    2: added_at="2026-01-31T12:00:00Z" isbn="9780441013593" pages=412 sold=true title="Dune" unit_price="9.99" weight=0.5
    3: title="Emma, or so" unit_price="7.5"
    4: added_at="2026-02-01T00:00:00Z" pages=300 title="The \"Best\" of" unit_price="0.00001" weight=1.25
    5: added_at="2026-02-01T00:00:00Z" isbn="007" pages=12 sold=true title="Café; 1" unit_price="12"
    6: title="Two\nLines" unit_price="3" weight=1e-7
    8: added_at="2026-03-01T00:00:00Z" pages=1 sold=true title="=1+1" unit_price="10000000000000000" weight=2.0
    "#);
    for (file, encoding) in [
        ("libreoffice_quoted_semicolon.csv", "utf-8"),
        ("libreoffice_latin1.csv", "windows-1252"),
        ("libreoffice_tab.tsv", "utf-8"),
    ] {
        let reading = Reading {
            encoding: encoding.parse().unwrap(),
            ..Reading::default()
        };
        assert_eq!(read(file, &reading), plain, "{file}");
    }
}

#[test]
fn psql() {
    let plain = read("psql.csv", &Reading::default());
    insta::assert_snapshot!(plain, @r#"
    2: added_at="2026-01-31T10:00:00Z" isbn="9780441013593" pages=412 sold=true title="Dune" unit_price="9.99" weight=0.5
    3: title="Emma, or so" unit_price="7.50"
    4: added_at="2026-02-01T00:00:00.123456Z" pages=300 title="The \"Best\" of" unit_price="0.00001" weight=1.25
    5: title="Two\nLines\tand a tab" unit_price="3" weight=1e-7
    7: added_at="2026-03-01T00:00:00Z" isbn="\\N" pages=1 sold=true title="back\\slash" unit_price="12" weight=2.0
    "#);
    assert_eq!(read("psql_forced.csv", &Reading::default()), plain);
    let text = Reading {
        format: Some(Format::Text),
        ..Reading::default()
    };
    let with_header = read("psql_text.txt", &text);
    // There alone the text `\N` and no value are two things.
    assert_eq!(without_lines(&with_header), without_lines(&plain));
    let names = [
        "title",
        "unit_price",
        "isbn",
        "pages",
        "weight",
        "sold",
        "added_at",
    ];
    let text = Reading {
        columns: Some(names.map(str::to_owned).to_vec()),
        ..text
    };
    let plain = read("psql_plain.txt", &text);
    assert_eq!(without_lines(&plain), without_lines(&with_header));
}
