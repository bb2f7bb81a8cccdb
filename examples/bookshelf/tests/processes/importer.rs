//! Files that are good, bad, or none.

use crate::shop::Shop;
use crate::tier::{Tier, on_every_tier};

on_every_tier!(
    bad_rows_are_told_with_their_lines_and_cost_only_themselves,
    a_file_that_is_imported_twice_is_in_once,
);

const BAD: &str = "\
price,isbn,title,author,format
9.99,,\"Dune, \"\"Annotated\"\"\",Frank Herbert,paperback
cheap,,No Price,Anon,paperback
5.00,,\"Two
Lines\",Anon,paperback
5.00,,,Anon,paperback
5.00,12345678901234,Long Number,Anon,paperback
-1,,Negative,Anon,paperback
5.00,,Short Row
7.50,9780141439587,Emma,Jane Austen,paperback
";

fn bad_rows_are_told_with_their_lines_and_cost_only_themselves(tier: Tier) {
    let shop = Shop::on(tier);
    let long = "x".repeat(201);
    shop.write("catalog.csv", format!("{BAD}1,,{long},Anon,paperback\n"));
    let output = shop.run("import_vintage_press catalog.csv");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "Importing 9 books with BULK priority...\n\
         Import complete: 3 books imported with BULK priority.\n"
    );
    let mut told: Vec<String> = String::from_utf8(output.stderr)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect();
    told.sort();
    insta::assert_snapshot!(told.join("\n").replace(&long, "xxx"), @r#"
    6 rows were rejected.
    line 11: title: must have at most 200 characters, found 201
    line 3: price: expected a number such as 9.99, found "cheap"
    line 6: title: is required
    line 7: isbn: must have at most 13 characters, found 14
    line 8: price: must be at least 0, found -1
    line 9: expected 5 columns, found 3
    "#);
    let _server = shop.server();
    shop.settled();
    shop.assert_books_exactly_once(3);
    assert_eq!(
        shop.count("SELECT count(*) FROM book WHERE title = 'Dune, \"Annotated\"'"),
        1
    );
}

fn a_file_that_is_imported_twice_is_in_once(tier: Tier) {
    let shop = Shop::on(tier);
    shop.write_catalog(1_200);
    shop.succeed("import_vintage_press catalog.csv");
    let again = shop.run("import_vintage_press catalog.csv");
    assert!(again.status.success());
    assert_eq!(
        String::from_utf8(again.stdout).unwrap(),
        "Importing 1,200 books with BULK priority...\n\
         Import complete: 0 books imported with BULK priority.\n"
    );
    assert_eq!(
        String::from_utf8(again.stderr).unwrap(),
        "1,200 rows were imported before.\n"
    );
    let _server = shop.server();
    shop.settled();
    shop.assert_books_exactly_once(1_200);
}

#[test]
fn a_file_that_cannot_be_imported_is_one_clear_error() {
    let shop = Shop::new();
    shop.write("empty.csv", "");
    shop.write(
        "column.csv",
        "title,author,price\nDune,Frank Herbert,9.99\n",
    );
    shop.write("header.csv", "title,author,isbn,price\n");
    let told = |name: &str| {
        let output = shop.run(&format!("import_vintage_press {name}"));
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert_eq!(output.stdout, b"");
        String::from_utf8(output.stderr).unwrap()
    };
    insta::assert_snapshot!(told("missing.csv"), @"error: cannot read missing.csv: No such file or directory (os error 2)");
    insta::assert_snapshot!(told("empty.csv"), @"error: expected a catalog in empty.csv, found an empty file; its first line must name the columns title, author, isbn and price");
    insta::assert_snapshot!(told("column.csv"), @r#"error: expected the column "isbn" in the first line of column.csv, found title, author, price"#);
    assert!(told(".").contains("is a directory"));
    assert_eq!(
        shop.succeed("import_vintage_press header.csv"),
        "Importing 0 books with BULK priority...\n\
         Import complete: 0 books imported with BULK priority.\n"
    );
}
