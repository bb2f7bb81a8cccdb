//! The file of rejects: written, cut off, mended and imported again.

use std::fs;
use std::path::Path;

use protean_import::{Error, Format, Mark, Plan, Reading, Reject, Rejects, Source};

use crate::domain::{check, open, open_as, outcome};

fn rejects_of(source: Source) -> Vec<Reject> {
    let checked = check(source, &Plan::default()).unwrap().into_iter();
    checked.filter_map(Result::err).collect()
}

/// Writes the rejects of a text; what the file holds then.
fn written(file: &str, text: &[u8], reading: &Reading, to: &Path) -> Vec<u8> {
    let source = open_as(file, text, reading).unwrap();
    let mut rejects = Rejects::create(to, source.layout()).unwrap();
    for reject in rejects_of(source) {
        rejects.write(&reject).unwrap();
    }
    let mark = rejects.sync().unwrap();
    let bytes = fs::read(to).unwrap();
    assert_eq!(mark.bytes, bytes.len() as u64);
    bytes
}

const BAD: &str = "title,unit_price,isbn
Dune,9.99,
\"Du,ne\",cheap,\"a
b\"
Dune
Dune,1,2,3
,-1,
";

fn reason(reject: &Reject) -> (String, String) {
    (reject.fields(), reject.reason())
}

#[test]
fn rejects_are_in_the_form_of_the_file_and_read_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let text = Reading {
        format: Some(Format::Text),
        columns: Some(vec!["title".to_owned(), "unit_price".to_owned()]),
        ..Reading::default()
    };
    let json = "{\"title\":\"a\",\"unit_price\":\"cheap\"}\nnot json\n{}\n[1]\n";
    for (nth, (file, bytes, reading)) in [
        ("a.csv", BAD.as_bytes(), Reading::default()),
        (
            "a.tsv",
            b"title\tunit_price\na\nb\tx\"y\n",
            Reading::default(),
        ),
        ("a.txt", b"a\\tb\tcheap\nc\\\\\t\\N\nd\n", text),
        ("a.jsonl", json.as_bytes(), Reading::default()),
        (
            "bad.csv",
            b"title,unit_price\nCaf\xe9,1\n",
            Reading::default(),
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let once = folder.path().join(format!("{nth}-once"));
        let twice = folder.path().join(format!("{nth}-twice"));
        let first = rejects_of(open_as(file, bytes, &reading).unwrap());
        let bytes = written(file, bytes, &reading, &once);
        let again = rejects_of(open_as(file, &*bytes, &reading).unwrap());
        assert_eq!(
            first.iter().map(reason).collect::<Vec<_>>(),
            again.iter().map(reason).collect::<Vec<_>>(),
            "{file}"
        );
        if file != "a.jsonl" {
            let originals =
                |all: &[Reject]| -> Vec<_> { all.iter().map(|one| one.original.clone()).collect() };
            assert_eq!(originals(&first), originals(&again), "{file}");
        }
        let bytes = written(file, &bytes, &reading, &twice);
        let last = rejects_of(open_as(file, &*bytes, &reading).unwrap());
        assert_eq!(again, last, "{file}: nothing is added a second time");
    }
}

#[test]
fn a_file_of_rejects_says_what_is_wrong_beside_the_row() {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("out");
    let csv = written("a.csv", BAD.as_bytes(), &Reading::default(), &to);
    insta::assert_snapshot!(String::from_utf8(csv).unwrap(), @r#"
    _line,_field,_reason,title,unit_price,isbn
    3,unit_price,"unit_price: expected a number such as 9.99, found ""cheap""","Du,ne",cheap,"a
    b"
    5,,"expected 3 fields, found 1",Dune
    6,,"expected 3 fields, found 4",Dune,1,2,3
    7,"title,unit_price","title: is required; unit_price: must be at least 0, found -1",,-1,
    "#);
    fs::remove_file(&to).unwrap();
    let json = b"{\"title\":\"a\" , \"unit_price\":\"cheap\"}\nnot \"json\n{}\n";
    let json = written("a.jsonl", json, &Reading::default(), &to);
    insta::assert_snapshot!(String::from_utf8(json).unwrap(), @r#"
    {"_reject":{"field":"unit_price","line":1,"reason":"unit_price: expected a number such as 9.99, found \"cheap\""},"title":"a","unit_price":"cheap"}
    {"_reject":{"field":null,"line":2,"reason":"expected a JSON object: expected ident at byte 2"},"_raw":"not \"json"}
    {"_reject":{"field":"unit_price","line":3,"reason":"unit_price: is required"}}
    "#);
}

#[test]
fn a_mended_file_is_imported_by_the_same_line() {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("out");
    let csv = written("a.csv", BAD.as_bytes(), &Reading::default(), &to);
    let mended = String::from_utf8(csv).unwrap();
    let mended = mended
        .replace("cheap", "5")
        .replace("4,,\"expected 3 fields, found 1\",Dune", "4,,,Dune,3,");
    let source = open("a.csv", mended).unwrap();
    let found: Vec<_> = check(source, &Plan::default()).unwrap();
    let good = found.iter().filter(|one| one.is_ok()).count();
    assert_eq!(
        good,
        1,
        "{:?}",
        found.into_iter().map(outcome).collect::<Vec<_>>()
    );

    let latin = Reading {
        encoding: "latin1".parse().unwrap(),
        ..Reading::default()
    };
    let other = folder.path().join("latin");
    let csv = written(
        "a.csv",
        b"title,unit_price\nCaf\xe9,cheap\n",
        &latin,
        &other,
    );
    let mended = String::from_utf8(csv).unwrap().replace(",cheap", ",5");
    let found = check(open_as("a.csv", mended, &latin).unwrap(), &Plan::default()).unwrap();
    let found: Vec<_> = found.into_iter().map(outcome).collect();
    assert_eq!(found, [r#"2: title="Café" unit_price="5""#]);
}

#[test]
fn after_a_crash_each_reject_is_in_it_once() {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("out.csv");
    let source = open("a.csv", BAD).unwrap();
    let layout = source.layout().clone();
    let all = rejects_of(source);
    let whole = {
        let other = folder.path().join("whole.csv");
        written("a.csv", BAD.as_bytes(), &Reading::default(), &other)
    };
    let mut rejects = Rejects::create(&to, &layout).unwrap();
    rejects.write(&all[0]).unwrap();
    let mark = rejects.sync().unwrap();
    assert_eq!(mark.rows, 1);
    rejects.write(&all[1]).unwrap();
    rejects.write(&all[2]).unwrap();
    rejects.sync().unwrap();
    drop(rejects);

    let mut rejects = Rejects::reopen(&to, &layout, mark).unwrap();
    for reject in &all[1..] {
        rejects.write(reject).unwrap();
    }
    assert_eq!(rejects.sync().unwrap().rows, all.len() as u64);
    assert_eq!(fs::read(&to).unwrap(), whole);
}

#[test]
fn nothing_that_is_there_is_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("out.csv");
    let layout = open("a.csv", BAD).unwrap().layout().clone();
    // A crash right after the file was made left nothing but its header.
    for _ in 0..2 {
        Rejects::create(&to, &layout).unwrap().sync().unwrap();
    }
    fs::write(&to, BAD).unwrap();
    let told = Rejects::create(&to, &layout).unwrap_err();
    assert!(matches!(told, Error::Rejects { .. }), "{told}");
    assert_eq!(fs::read_to_string(&to).unwrap(), BAD);
    let mark = Mark {
        bytes: 10_000,
        rows: 7,
    };
    let told = Rejects::reopen(&to, &layout, mark).unwrap_err().to_string();
    assert!(told.contains("expected the 10000 bytes"), "{told}");
    assert_eq!(fs::read_to_string(&to).unwrap(), BAD);
}
