//! Parquet: one table written in every way reads as one, and every type of value as the text it is.

use std::path::{Path, PathBuf};

use protean_import::{
    Content, Error, Format, Original, Plan, Reading, Reject, Rejects, Row, Source,
};

use crate::domain::{check, outcome};

/// The ways in which `way.csv` was written, too.
const WAYS: [&str; 6] = [
    "way_plain",
    "way_dictionary_snappy",
    "way_groups_gzip",
    "way_v2_zstd",
    "way_delta",
    "way_delta_v1",
];

fn path(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples/parquet");
    folder.join(name)
}

fn open(name: &str) -> Result<Source, Error> {
    Source::open(&path(&format!("{name}.parquet")), &Reading::default())
}

fn commands(source: Source) -> Vec<String> {
    let checked = check(source, &Plan::default()).unwrap().into_iter();
    let outcomes = checked.map(outcome);
    let behind_line = |text: String| text.split_once(": ").map(|(_, row)| row.to_owned());
    outcomes.filter_map(behind_line).collect()
}

fn fields(row: &Row) -> Vec<Option<&str>> {
    match &row.content {
        Content::Fields(fields) => fields.iter().collect(),
        Content::Object(line) => panic!("{line}"),
    }
}

fn original(reject: &Reject) -> Vec<Option<String>> {
    let Original::Fields(fields) = &reject.original else {
        panic!("{reject:?}")
    };
    let text = |field: &Option<Vec<u8>>| {
        field
            .as_ref()
            .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    };
    fields.iter().map(text).collect()
}

/// All rows with their columns, and what is wrong with those that are none.
fn shown(source: Source) -> String {
    let columns = source.columns().to_vec();
    let mut text = String::new();
    for read in source {
        let (values, why) = match &read.unwrap() {
            Ok(row) => {
                let values = fields(row).into_iter().map(|one| one.map(str::to_owned));
                (values.collect(), String::new())
            }
            Err(reject) => (original(reject), format!("REJECT {}\n", reject.reason())),
        };
        for (column, value) in columns.iter().zip(values) {
            let value = value.map_or_else(|| "-".to_owned(), |value| format!("{value:?}"));
            text += &format!("{column}={value} ");
        }
        text = format!("{}\n{why}", text.trim_end());
    }
    text
}

#[test]
fn every_way_to_write_a_table_reads_as_the_same_rows() {
    let expected = Source::open(&path("way.csv"), &Reading::default()).unwrap();
    let expected = commands(expected);
    let plain: Vec<_> = open("way_plain").unwrap().map(Result::unwrap).collect();
    for way in WAYS {
        assert_eq!(commands(open(way).unwrap()), expected, "{way}");
        let rows: Vec<_> = open(way).unwrap().map(Result::unwrap).collect();
        assert_eq!(rows, plain, "{way}");
    }
    // The one column that no command takes, to the letter.
    let csv = Source::open(&path("way.csv"), &Reading::default()).unwrap();
    let stock = |row: &Row| fields(row)[6].unwrap_or_default().to_owned();
    let csv: Vec<_> = csv.map(|read| stock(&read.unwrap().unwrap())).collect();
    let parquet: Vec<_> = plain.iter().map(|r| stock(r.as_ref().unwrap())).collect();
    assert_eq!(parquet, csv);
}

#[test]
fn reading_goes_on_after_any_row() {
    for way in WAYS {
        let all: Vec<_> = open(way).unwrap().map(Result::unwrap).collect();
        for after in (0..=all.len()).step_by(23).chain([69, 70, 71, 170, 400]) {
            let mut source = open(way).unwrap();
            let skipped = source.skip_rows(after as u64).unwrap();
            let after = after.min(all.len());
            assert_eq!(skipped, after as u64);
            assert_eq!(source.position(), after as u64);
            let rest: Vec<_> = source.map(Result::unwrap).collect();
            assert_eq!(rest, all[after..], "{way} after {after}");
        }
    }
}

#[test]
fn every_type_reads_as_the_text_it_is() {
    insta::assert_snapshot!(shown(open("types").unwrap()));
    insta::assert_snapshot!("integers", shown(open("types_integers").unwrap()));
    insta::assert_snapshot!("first_version", shown(open("types_v1").unwrap()));
    insta::assert_snapshot!(shown(open("int96").unwrap()));
}

#[test]
fn what_is_not_read_is_told_with_its_column() {
    let refused = ["lz4", "brotli", "list", "struct", "map"].map(|what| {
        let error = open(&format!("refused_{what}")).unwrap_err().to_string();
        error.replace(&*path("").to_string_lossy(), "")
    });
    insta::assert_snapshot!(refused.join("\n"));
}

#[test]
fn it_is_known_by_its_first_bytes_and_read_from_files_alone() {
    let bytes = std::fs::read(path("way_plain.parquet")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let renamed = folder.path().join("books.csv");
    std::fs::write(&renamed, &bytes).unwrap();
    let source = Source::open(&renamed, &Reading::default()).unwrap();
    assert_eq!(source.layout().format, Format::Parquet);
    let said = |format| Reading {
        format: Some(format),
        ..Reading::default()
    };
    let mut errors = vec![Source::open(&renamed, &said(Format::Csv)).unwrap_err()];
    let piped = std::io::Cursor::new(bytes.clone());
    errors.push(Source::from_reader("a pipe", piped, &Reading::default()).unwrap_err());
    let gz = crate::formats::gz(&bytes);
    let packed = std::io::Cursor::new(gz);
    errors.push(Source::from_reader("b.parquet.gz", packed, &Reading::default()).unwrap_err());
    for (name, format) in [("text.parquet", None), ("text", Some(Format::Parquet))] {
        let text = std::io::Cursor::new(b"title\nDune\n");
        let reading = Reading {
            format,
            ..Reading::default()
        };
        errors.push(Source::from_reader(name, text, &reading).unwrap_err());
    }
    let errors: Vec<_> = errors.iter().map(Error::to_string).collect();
    insta::assert_snapshot!(errors.join("\n"));
}

#[test]
fn rejects_are_csv_that_reads_as_the_rows_did() {
    let source = open("types").unwrap();
    let layout = source.layout().clone();
    let folder = tempfile::tempdir().unwrap();
    let named = folder.path().join("bad.parquet");
    let error = Rejects::create(&named, &layout).unwrap_err().to_string();
    assert!(error.ends_with("say a name such as bad.csv"), "{error}");
    let bad = folder.path().join("bad.csv");
    let mut rejects = Rejects::create(&bad, &layout).unwrap();
    let mut written = Vec::new();
    for read in source {
        let reject = match read.unwrap() {
            Ok(row) => Reject::of(row, Vec::new()),
            Err(reject) => reject,
        };
        rejects.write(&reject).unwrap();
        written.push(original(&reject));
    }
    rejects.sync().unwrap();
    let again = Source::open(&bad, &Reading::default()).unwrap();
    assert_eq!(again.columns(), layout.columns);
    let again = again.map(|read| match read.unwrap() {
        Ok(row) => original(&Reject::of(row, Vec::new())),
        Err(reject) => original(&reject),
    });
    // Empty text is no value, in CSV as everywhere.
    let some = |row: Vec<Option<String>>| row.into_iter().map(Option::unwrap_or_default);
    let again: Vec<Vec<_>> = again.map(|row| some(row).collect()).collect();
    let written: Vec<Vec<_>> = written.into_iter().map(|row| some(row).collect()).collect();
    assert_eq!(again, written);
}
