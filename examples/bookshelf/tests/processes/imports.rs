//! Files that are imported from the command line: killed, paused, cancelled, and full of mistakes.

use std::fmt::Write as _;
use std::hash::{BuildHasher, RandomState};
use std::io::Write as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use crate::shop::{Shop, wait_until};
use crate::tier::Tier;

/// The line that imports the file of a test.
pub const IMPORT: &str = "bookshelf import books.csv --command AddBook --map price_amount=price";

/// Every so many rows one is bad.
const BAD_EVERY: u64 = 100;

/// How often the importer is killed.
const KILLS: u32 = 5;

/// The latest instant at which it is killed, after it has begun.
const LATEST_MS: u64 = 300;

/// Within this time a runner does what was asked.
const EFFECTIVE_WITHIN: Duration = Duration::from_secs(1);

/// Writes so many books, some of them bad.
pub fn write_books(shop: &Shop, rows: u64) {
    let mut text = "title,author,isbn,price\n".to_owned();
    for row in 1..=rows {
        let price = if row % BAD_EVERY == 0 {
            "cheap"
        } else {
            "9.99"
        };
        writeln!(text, "Book {row},Anon,,{price}").unwrap();
    }
    shop.write("books.csv", text);
}

fn report(text: &str) -> Value {
    let last = text.lines().last().unwrap();
    let report: Value = serde_json::from_str(last).unwrap();
    report["data"]["imports"][0].clone()
}

fn killed_again_and_again(tier: Tier, rows: u64) {
    let shop = Shop::on(tier);
    write_books(&shop, rows);
    let line = format!("{IMPORT} --rejects bad.csv --rate 20000 --json");
    let server = shop.server();
    for _ in 0..KILLS {
        let mut importer = shop.start(&line);
        importer.until("{\"data\":{\"name\":\"books\"");
        let chance = RandomState::new().hash_one(0);
        // sleep: the instant of a power cut is any instant
        std::thread::sleep(Duration::from_millis(chance % LATEST_MS));
        importer.kill();
    }
    let output = shop.run(&format!("{line} --wait"));
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let report = report(&String::from_utf8(output.stdout).unwrap());
    let bad = rows / BAD_EVERY;
    for (count, expected) in [
        ("rows", rows),
        ("accepted", rows - bad),
        ("duplicates", 0),
        ("rejected", bad),
        ("failed", 0),
    ] {
        assert_eq!(report[count], expected, "{count}: {report}");
    }
    // All was settled when it ended.
    shop.assert_books_exactly_once(rows - bad);
    let rejects = std::fs::read_to_string(shop.path().join("bad.csv")).unwrap();
    let lines: Vec<_> = rejects.lines().skip(1).collect();
    let line_of = |line: &&str| line.split(',').next().unwrap().parse::<u64>().unwrap();
    let found: Vec<_> = lines.iter().map(line_of).collect();
    let expected: Vec<_> = (1..=bad).map(|nth| nth * BAD_EVERY + 1).collect();
    assert_eq!(found, expected);
    // Once more, nothing happens.
    let again = shop.run(&line);
    assert_eq!(again.status.code(), Some(1));
    shop.assert_books_exactly_once(rows - bad);
    drop(server);
}

#[test]
fn l9_a_file_that_is_killed_on_its_way_is_in_once_with_every_bad_row_told_once_on_sqlite() {
    killed_again_and_again(Tier::Sqlite, 20_000);
}

#[test]
fn l9_a_file_that_is_killed_on_its_way_is_in_once_with_every_bad_row_told_once_on_postgres() {
    killed_again_and_again(Tier::Postgres, 10_000);
}

fn rows(shop: &Shop) -> u64 {
    let text = shop.succeed("bookshelf imports show books --json");
    let shown: Value = serde_json::from_str(&text).unwrap();
    shown["data"]["rows"].as_u64().unwrap()
}

fn paused_resumed_and_cancelled(tier: Tier) {
    let shop = Shop::on(tier);
    write_books(&shop, 30_000);
    let mut importer = shop.start(&format!("{IMPORT} --rate 2000"));
    wait_until("some rows", || {
        shop.has_table("protean_import")
            && shop.count("SELECT COALESCE(MAX(row_count), 0) FROM protean_import") > 0
    });
    assert_eq!(
        shop.succeed("bookshelf imports pause books"),
        "The import books is paused; it was running.\n"
    );
    // sleep: that the runner has looked has no signal; that it takes no longer is the claim
    std::thread::sleep(EFFECTIVE_WITHIN);
    let paused_at = rows(&shop);
    // sleep: that nothing happens has no signal
    std::thread::sleep(EFFECTIVE_WITHIN);
    assert_eq!(rows(&shop), paused_at);
    shop.succeed("bookshelf imports resume books");
    wait_until("more rows", || rows(&shop) > paused_at);

    // Some are handled, and some are in hand, when it is cancelled.
    let server = shop.server();
    wait_until("some books", || {
        shop.count("SELECT count(*) FROM book") > 100
    });
    let asked = Instant::now();
    let text = shop.succeed("bookshelf imports cancel books --json");
    let cancelled: Value = serde_json::from_str(&text).unwrap();
    wait_until("the end of the importer", || !importer.is_running());
    assert!(asked.elapsed() < Duration::from_secs(20));
    assert_eq!(importer.exit_code(), Some(1));
    let count = |name: &str| cancelled["data"][name].as_u64().unwrap();
    assert_eq!(cancelled["data"]["state"], "cancelled");
    shop.settled();
    let books = count("accepted") - count("withdrawn_now");
    for sql in [
        "SELECT count(*) FROM book",
        "SELECT count(*) FROM book_catalog",
    ] {
        assert_eq!(shop.count(sql), books, "{sql}: {cancelled}");
    }
    assert_eq!(server.stop(Signal::TERM), 0);
    let again = shop.run(IMPORT);
    assert_eq!(again.status.code(), Some(3), "{again:?}");
}

#[test]
fn an_import_is_paused_resumed_and_cancelled_on_sqlite() {
    paused_resumed_and_cancelled(Tier::Sqlite);
}

#[test]
fn an_import_is_paused_resumed_and_cancelled_on_redis() {
    paused_resumed_and_cancelled(Tier::Redis);
}

#[test]
fn a_dry_run_writes_nothing_and_tells_what_is_wrong() {
    let shop = Shop::new();
    write_books(&shop, 250);
    let output = shop.run(&format!("{IMPORT} --dry-run"));
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stdout).unwrap();
    let head =
        "books.csv: 250 rows, 248 would be accepted as AddBook, 2 rejected. Nothing was written.\n";
    assert!(told.starts_with(head), "{told}");
    assert!(told.contains("(line 101, 201)"), "{told}");
    assert_eq!(shop.succeed("bookshelf imports list"), "No imports.\n");
    assert_eq!(shop.count("SELECT count(*) FROM protean_message"), 0);
}

#[test]
fn what_became_of_an_import_is_told_by_its_exit_code() {
    let shop = Shop::new();
    write_books(&shop, 99);
    insta::assert_snapshot!(shop.succeed(IMPORT), @"Import books finished: 99 accepted, 0 duplicates, 0 rejected.");
    let refused = |line: &str, code| {
        let output = shop.run(line);
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    insta::assert_snapshot!(refused("bookshelf import books.csv --command AddBok", 2), @"error: [PE0860] expected a command of this domain, found `AddBok`; did you mean `AddBook`?");
    insta::assert_snapshot!(refused(&format!("{IMPORT} --key isb"), 2), @r#"error: [PE0861] expected a field as the key, found "isb"; did you mean isbn?"#);
    insta::assert_snapshot!(refused("bookshelf import - --command AddBook", 2), @"error: [PE0861] expected `--name` with standard input, which has no name of its own");
    insta::assert_snapshot!(refused("bookshelf imports cancel nothing", 1), @"error: [PE0858] no import nothing; `imports list` shows those there are");
    write_books(&shop, 100);
    let changed = refused(IMPORT, 2);
    assert!(
        changed.starts_with("error: [PE0852] the import books was started with another content"),
        "{changed}"
    );
    let stopped = refused(&format!("{IMPORT} --name more --max-rejects 0"), 1);
    insta::assert_snapshot!(stopped, @r#"
    line 101: price: expected a number such as 9.99, found "cheap"
    error: [PE0856] the import stopped after 1 of 100 rows were rejected, more than the 0 that may be; with a higher limit it goes on where it was
    "#);
}

#[test]
fn rejects_that_are_mended_are_imported_by_the_same_line() {
    let shop = Shop::new();
    write_books(&shop, 300);
    let output = shop.run(&format!("{IMPORT} --rejects bad.csv"));
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let bad = std::fs::read_to_string(shop.path().join("bad.csv")).unwrap();
    insta::assert_snapshot!(bad);
    let line = IMPORT.replace("books.csv", "bad.csv");
    // One is mended, and a second one by another hand.
    shop.write("bad.csv", bad.replacen(",cheap\n", ",9.99\n", 1));
    let output = shop.run(&format!("{line} --rejects worse.csv"));
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let told = String::from_utf8(output.stdout).unwrap();
    insta::assert_snapshot!("mended_once", told);
    // The same name for what was mended once more is told, and nothing is done.
    let worse = std::fs::read_to_string(shop.path().join("worse.csv")).unwrap();
    shop.write("bad.csv", worse.replace(",cheap\n", ",9.99\n"));
    let output = shop.run(&line);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(
        told.starts_with("error: [PE0852] the import bad was started with another content"),
        "{told}"
    );
    shop.succeed(&format!("{line} --name bad-2"));
    let _server = shop.server();
    shop.settled();
    shop.assert_books_exactly_once(300);
}

#[test]
fn a_parquet_file_goes_in_and_its_rejects_come_back_as_csv() {
    let shop = Shop::new();
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/samples/books.parquet");
    std::fs::copy(sample, shop.path().join("books.parquet")).unwrap();
    let line = IMPORT.replace("books.csv", "books.parquet");
    let output = shop.run(&format!("{line} --rejects bad.csv"));
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let told = String::from_utf8(output.stdout).unwrap();
    let head = "Import books finished: 38 accepted, 0 duplicates, 2 rejected.";
    assert!(told.starts_with(head), "{told}");
    let bad = std::fs::read_to_string(shop.path().join("bad.csv")).unwrap();
    insta::assert_snapshot!("parquet_rejects", bad);
    shop.write("bad.csv", bad.replace("cheap", "9.99"));
    shop.succeed(&line.replace("books.parquet", "bad.csv"));
    let _server = shop.server();
    shop.settled();
    shop.assert_books_exactly_once(40);
}

#[test]
fn l9_standard_input_never_goes_on_with_other_rows() {
    let shop = Shop::new();
    let piped = |line: &str, text: &str| {
        let mut command = shop.command(line);
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        // One that is refused may not read it.
        let _ = child.stdin.take().unwrap().write_all(text.as_bytes());
        child.wait_with_output().unwrap()
    };
    let line = IMPORT.replace("books.csv", "- --name piped");
    let first = "title,author,isbn,price\nBook 1,Anon,,9.99\nBook 2,Anon,,9.99\n";
    let output = piped(&line, first);
    assert!(output.status.success(), "{output:?}");
    for text in [first, "title,author,isbn,price\nEmma,Jane Austen,,7.50\n"] {
        let output = piped(&line, text);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let told = String::from_utf8(output.stderr).unwrap();
        insta::assert_snapshot!("piped_again", told);
    }
    assert_eq!(shop.count("SELECT count(*) FROM protean_message"), 2);
    let parquet = piped(&line.replace("piped", "p"), "PAR1....PAR1");
    assert_eq!(parquet.status.code(), Some(2));
    let told = String::from_utf8(parquet.stderr).unwrap();
    assert!(told.contains("[PE0893]"), "{told}");
}

#[test]
fn what_may_not_change_is_told_when_it_does() {
    let shop = Shop::new();
    write_books(&shop, 50);
    shop.succeed(IMPORT);
    for more in [
        "--format csv",
        "--delimiter ,",
        "--encoding latin1",
        "--ignore-extra",
    ] {
        let output = shop.run(&format!("{IMPORT} {more}"));
        assert_eq!(output.status.code(), Some(2), "{more}: {output:?}");
        let told = String::from_utf8(output.stderr).unwrap();
        let start = "error: [PE0852] the import books was started with another mapping";
        assert!(told.starts_with(start), "{told}");
    }
}

/// What changes from run to run, as what it is.
fn without_times(text: &str) -> String {
    let pattern = r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8}|[0-9a-f]{64}";
    let times = regex::Regex::new(pattern).unwrap();
    times.replace_all(text, "…").into_owned()
}

#[test]
fn imports_are_listed_and_shown_with_what_failed() {
    let shop = Shop::new();
    let books = "title,author,isbn,price\nDune,Frank Herbert,,9.99\n\
         Old News [withdrawn],Anon,,1\nEmma,Jane Austen,,cheap\n";
    shop.write("books.csv", books);
    shop.run(IMPORT);
    let _server = shop.server();
    shop.settled();
    let list = shop.succeed("bookshelf imports list");
    insta::assert_snapshot!("imports_list", without_times(&list));
    let show = shop.succeed("bookshelf imports show books");
    insta::assert_snapshot!("imports_show", without_times(&show));
    let failures = shop.succeed("bookshelf imports show books --failures");
    insta::assert_snapshot!("imports_show_failures", without_times(&failures));
}
