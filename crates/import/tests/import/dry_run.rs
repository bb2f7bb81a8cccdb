//! The report of a dry run.

use crate::domain::{open, report};

#[test]
fn a_report_counts_and_shows_what_is_commonest() {
    let mut text = "title,unit_price,shelf\n".to_owned();
    for nth in 0..3_000 {
        text += &match nth % 10 {
            1 => "Dune,cheap,A\n".to_owned(),
            2 => format!("{},1,A\n", "x".repeat(21 + nth % 7)),
            3 if nth % 100 == 3 => "Dune,1\n".to_owned(),
            4 if nth % 1_000 == 4 => ",-1,A\n".to_owned(),
            _ => format!("Book {nth},9.99,A\n"),
        };
    }
    let report = report(open("a.csv", text).unwrap());
    insta::assert_snapshot!(serde_json::to_string_pretty(&report).unwrap());
}

#[test]
fn a_file_in_which_every_row_is_wrong_in_its_own_way_fills_no_memory() {
    let mut text = String::new();
    for nth in 0..5_000 {
        text += &format!("{{\"title\":\"a\",\"unit_price\":1,\"key {nth}\":1}}\n");
    }
    let report = report(open("a.jsonl", text).unwrap());
    assert_eq!(report.rows, 5_000);
    assert_eq!(
        report.accepted, 100,
        "the keys of the first hundred rows are columns"
    );
    assert_eq!(report.errors.len(), 10);
    assert_eq!(report.errors[0].lines, [101]);
    assert!(report.other_errors >= 990, "{}", report.other_errors);
}
