//! Servers that are restarted one after another while they work.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::customer::Customer;
use crate::program::Program;
use crate::shop::Shop;
use crate::tier::{Tier, on_every_tier};

on_every_tier!(
    a_rolling_restart_loses_nothing_and_nobody_notices,
    a_check_says_what_is_to_be_done,
);

/// Servers, each of which is restarted so often.
const SERVERS: usize = 3;
const ROUNDS: usize = 3;

/// Who orders meanwhile, and how often each: a hundred orders per second come, whatever becomes of
/// those before.
const CUSTOMERS: u32 = 4;
const ORDER_INTERVAL: Duration = Duration::from_millis(40);

/// Enough that the import goes on all the time.
const ROWS: u64 = 12_000;

fn a_rolling_restart_loses_nothing_and_nobody_notices(tier: Tier) {
    let shop = Shop::on(tier);
    shop.write_catalog(ROWS);
    let (_api, address) = shop.api();
    let mut servers: Vec<Program> = (0..SERVERS).map(|_| shop.server()).collect();
    let begun = Instant::now();
    let customers: Vec<Customer> = (0..CUSTOMERS)
        .map(|_| Customer::every(ORDER_INTERVAL, &address))
        .collect();
    let mut import = shop.start("import_vintage_press catalog.csv");
    import.until("Importing");
    for nth in 0..SERVERS * ROUNDS {
        let server = servers.remove(0);
        assert_eq!(server.stop(Signal::TERM), 0, "restart {nth}");
        servers.push(shop.server());
    }
    let lasted = begun.elapsed();
    let mut orders = crate::customer::Orders::default();
    for customer in customers {
        orders.join(customer.stop());
    }
    assert_eq!(import.child.wait().unwrap().code(), Some(0));
    shop.settled();
    assert_eq!(orders.unanswered, 0, "a customer noticed");
    let due = CUSTOMERS * u32::try_from(lasted.as_millis() / ORDER_INTERVAL.as_millis()).unwrap();
    let accepted = orders.accepted.len();
    // A customer may be behind when it is told to stop, on a machine that has no time for it.
    assert!(accepted > due as usize / 2, "{accepted} of {due} orders");
    orders.assert_exactly_once(&shop, &address);
    shop.assert_books_exactly_once(ROWS);
    shop.assert_no_errors();
}

fn a_check_says_what_is_to_be_done(tier: Tier) {
    let shop = Shop::on(tier);
    let check = || {
        let output = shop.run("bookshelf server --check");
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (
            output.status.code(),
            text(output.stdout),
            text(output.stderr),
        )
    };
    let (code, found, told) = check();
    assert_eq!((code, told.as_str()), (Some(0), ""), "{found}");
    assert!(
        found.contains("tables: the server would make them: "),
        "{found}"
    );
    assert!(!shop.has_table("book"), "it changed something");
    shop.succeed("bookshelf db setup");
    let (code, found, _) = check();
    assert_eq!(code, Some(0));
    // What the machine is like is another matter.
    let (found, machine) = found.split_once("processors: ").unwrap();
    assert!(machine.starts_with("ok") || machine.starts_with("shared by session"));
    insta::assert_snapshot!(found, @r"
    configuration: ok
    connections: ok
    tables: ok
    ");
    if tier == Tier::Redis {
        let nowhere =
            "[brokers.default]\nprovider = \"redis\"\nURI = \"redis://:secret@127.0.0.1:1/0\"\n";
        let known = std::fs::read_to_string(shop.path().join("domain.toml")).unwrap();
        let (database, _) = known.split_once("[brokers.default]").unwrap();
        shop.write("domain.toml", format!("{database}{nowhere}"));
        let (code, found, told) = check();
        assert_eq!(code, Some(1), "{found}");
        assert!(told.starts_with("error: [PE0201]"), "{told}");
        assert!(!told.contains("secret"), "{told}");
    }
    shop.write("domain.toml", "[server]\nprimary_concurency = 2\n");
    let (code, _, told) = check();
    assert_eq!(code, Some(3));
    assert!(
        told.contains("did you mean `primary_concurrency`?"),
        "{told}"
    );
}
