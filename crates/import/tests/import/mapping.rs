//! Which column goes to which field, and what values become.

use protean_import::{Assignment, Extra, Plan};

use crate::domain::{check, open, outcome, outcomes};

fn plan(columns: &[&str], constants: &[&str]) -> Plan {
    let parse =
        |all: &[&str]| -> Vec<Assignment> { all.iter().map(|one| one.parse().unwrap()).collect() };
    Plan {
        columns: parse(columns),
        constants: parse(constants),
        extra: Extra::default(),
    }
}

fn error(header: &str, plan: &Plan) -> String {
    let source = open("books.csv", format!("{header}\n")).unwrap();
    check(source, plan).unwrap_err().to_string()
}

#[test]
fn names_are_matched_as_people_mean_them() {
    let text = " Title ,UNIT PRICE,added-at,format\nDune,9.99,2026-01-31,paperback\n";
    assert_eq!(
        outcomes(open("a.csv", text).unwrap()),
        [r#"2: added_at="2026-01-31T00:00:00Z" title="Dune" unit_price="9.99""#]
    );
}

#[test]
fn what_is_said_goes_before_names() {
    let text = "name,title,unit_price\nDune,Herbert,9.99\n";
    let plan = plan(&["title=name", "isbn=title"], &["sold=yes", "unit_price=1"]);
    let found = check(open("a.csv", text).unwrap(), &plan).unwrap();
    let found: Vec<_> = found.into_iter().map(outcome).collect();
    assert_eq!(
        found,
        [r#"2: isbn="Herbert" sold=true title="Dune" unit_price="1""#]
    );
}

#[test]
fn what_does_not_fit_is_told_before_the_first_row_and_all_at_once() {
    let nothing = Plan::default();
    insta::assert_snapshot!(error("titel,price", &nothing), @r#"[PE0812] books.csv does not fit StockItem: there is no column for title; did you mean "titel"? say --map title=titel; there is no column for unit_price; if it is one of "titel", "price", say --map unit_price=COLUMN; if it is the same in all rows, --const unit_price=VALUE"#);
    insta::assert_snapshot!(error("title,unit_price,isnb", &nothing), @r#"[PE0812] books.csv does not fit StockItem: the column "isnb" looks like the field isbn, which would stay empty; say --map isbn=isnb, or --ignore-extra"#);
    insta::assert_snapshot!(error("title,unit_price,Is Bn,is-bn", &nothing), @r#"[PE0812] books.csv does not fit StockItem: isbn may be any of the columns "Is Bn", "is-bn"; say which, as in --map isbn=COLUMN"#);
    insta::assert_snapshot!(error("title,price", &plan(&["unit_prise=price", "price=unit_price", "isbn=numbre", "unit_price=prise"], &["pages=many", "sold="])), @r#"[PE0812] books.csv does not fit StockItem: --map unit_prise: there is no such field; did you mean unit_price?; --map price: there is no such field; it is a column; the field comes first, as in price_amount=price; there is no column "numbre"; there are "title", "price"; there is no column "prise"; did you mean "price"?; the constant for pages: expected a whole number, found "many"; the constant for sold is empty; leave it out; there is no column for unit_price; if it is one of "price", say --map unit_price=COLUMN; if it is the same in all rows, --const unit_price=VALUE"#);
    insta::assert_snapshot!(error("title,unit_price", &plan(&["isbn=title"], &["isbn=1"])), @"[PE0812] books.csv does not fit StockItem: --const isbn: it gets its values from elsewhere, too; there is no column for title; say --const title=VALUE");
}

#[test]
fn extra_columns_are_ignored_unless_they_look_like_a_field() {
    let text = ",title,unit_price,isnb,\n0,Dune,9.99,1,\n";
    let ignoring = Plan {
        extra: Extra::Ignored,
        ..Plan::default()
    };
    let found = check(open("a.csv", text).unwrap(), &ignoring).unwrap();
    let found: Vec<_> = found.into_iter().map(outcome).collect();
    assert_eq!(found, [r#"2: title="Dune" unit_price="9.99""#]);
}

/// What stands in a file, under the column of each kind of field.
const VALUES: [(&str, &[&str]); 7] = [
    (
        "pages",
        &[
            "300", " 300 ", "300.0", "+300", "", "300.5", "3e2", "70000", "-1", "1,000",
        ],
    ),
    (
        "weight",
        &["0.5", "1e-3", "-2", ".5", "NaN", "inf", "0,5", "1e400"],
    ),
    (
        "unit_price",
        &[
            "9.90",
            "1e2",
            "1E-05",
            "0.12345678901234567890123456789012",
            "9,99",
            "$9.99",
            "-0.01",
            "",
        ],
    ),
    (
        "sold",
        &["True", "t", "YES", "1", "f", "FALSE", "0", "", "maybe", "2"],
    ),
    (
        "added_at",
        &[
            "2026-01-31",
            "2026-01-31 12:00:00",
            "2026-01-31T12:00:00.5Z",
            "2026-01-31 12:00:00+02",
            "2026-01-31 12:00:00+00:00",
            "31.01.2026",
            "01/31/26",
            "1769860800",
        ],
    ),
    (
        "item_id",
        &[
            "0190b6a4-7d3c-7c1e-8d2f-3a5b6c7d8e9f",
            "0190B6A47D3C7C1E8D2F3A5B6C7D8E9F",
            "7",
        ],
    ),
    ("isbn", &["=1+1", " padded ", "a\0b", "12345678901234"]),
];

#[test]
fn values_are_what_programs_write_and_nothing_that_means_two_things() {
    let mut told = String::new();
    for (column, values) in VALUES {
        let mut text = match column {
            "unit_price" => "title,unit_price\n".to_owned(),
            column => format!("title,unit_price,{column}\n"),
        };
        for value in values {
            text += &match column {
                "unit_price" => format!("T,\"{value}\"\n"),
                _ => format!("T,1,\"{value}\"\n"),
            };
        }
        let checked = check(open("a.csv", text).unwrap(), &Plan::default()).unwrap();
        for (value, checked) in values.iter().zip(checked) {
            let became = match checked {
                Ok((_, prepared)) => {
                    let data: serde_json::Value = serde_json::from_str(prepared.data()).unwrap();
                    data[column].to_string()
                }
                Err(reject) => reject.reason(),
            };
            told += &format!("{column} {value:?}: {became}\n");
        }
    }
    insta::assert_snapshot!(told);
}
