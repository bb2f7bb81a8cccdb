//! Copies of a shop that is open.

use rustix::process::Signal;

use crate::customer::Customer;
use crate::shop::Shop;
use crate::tier::Tier;

const ROWS: u64 = 6_000;

#[test]
fn a_backup_of_a_busy_shop_is_a_shop_of_one_moment_and_goes_on_from_there() {
    let shop = Shop::new();
    shop.write_catalog(ROWS);
    let (_api, address) = shop.api();
    let server = shop.server();
    let customer = Customer::start(&address);
    let mut import = shop.start("import_vintage_press catalog.csv");
    import.until("Importing");
    let copy = Shop::new();
    let file = copy.path().join("bookshelf.db");
    let printed = shop.succeed(&format!("bookshelf db backup {}", file.display()));
    assert!(printed.starts_with("Backed up to "), "{printed}");
    assert_eq!(customer.stop().unanswered, 0, "a customer noticed");
    assert_eq!(import.child.wait().unwrap().code(), Some(0));
    shop.settled();
    shop.assert_books_exactly_once(ROWS);
    assert_eq!(server.stop(Signal::TERM), 0);

    // What is in the copy is handled there, and the rest can be imported once more.
    let _server = copy.server();
    copy.write_catalog(ROWS);
    copy.succeed("import_vintage_press catalog.csv");
    copy.settled();
    copy.assert_books_exactly_once(ROWS);
    let orders = copy.count("SELECT count(*) FROM \"order\"");
    let taken = "SELECT count(*) FROM protean_message WHERE type = 'Bookshelf.PlaceOrder.v1'";
    assert_eq!(orders, copy.count(taken));
}

#[test]
fn a_backup_replaces_nothing_and_is_for_a_file() {
    let shop = Shop::new();
    shop.succeed("bookshelf db setup");
    shop.succeed("bookshelf db backup copy.db");
    let again = shop.run("bookshelf db backup copy.db");
    assert_eq!(again.status.code(), Some(1));
    let told = String::from_utf8(again.stderr).unwrap();
    insta::assert_snapshot!(told, @"error: [PE0205] the backup to copy.db failed: the file exists, and is not replaced");
    let nowhere = shop.run("bookshelf db backup nowhere/copy.db");
    assert_eq!(nowhere.status.code(), Some(1));
    let shop = Shop::on(Tier::Postgres);
    let server = shop.run("bookshelf db backup copy.db");
    assert_eq!(server.status.code(), Some(2));
    let told = String::from_utf8(server.stderr).unwrap();
    assert!(told.contains("pg_dump"), "{told}");
}
