//! What is old and done with goes; what happened stays.

use rustix::process::Signal;
use serde_json::Value;

use crate::customer::Customer;
use crate::metrics::server;
use crate::shop::{Shop, wait_until};
use crate::tier::{Tier, on_every_tier};
use crate::web::get_text;

on_every_tier!(what_is_handled_goes_when_it_is_old);

const ROWS: u64 = 700;

const COMMANDS: &str = "SELECT count(*) FROM protean_message WHERE type LIKE '%.AddBook.%' \
     OR type LIKE '%.PlaceOrder.%'";

/// How many rows of a kind a cleaning has removed or, when it is dry, would remove.
fn cleaned(shop: &Shop, line: &str, kind: &str) -> u64 {
    let text = shop.succeed(line);
    let report: Value = serde_json::from_str(&text).unwrap();
    let kinds = report["data"]["kinds"].as_array().unwrap();
    let found = kinds.iter().find(|one| one["kind"] == kind).unwrap();
    found["rows"].as_u64().unwrap()
}

fn what_is_handled_goes_when_it_is_old(tier: Tier) {
    let shop = Shop::on(tier);
    shop.write_catalog(ROWS);
    shop.succeed("import_vintage_press catalog.csv");
    let handled = shop.server();
    shop.settled();
    assert_eq!(handled.stop(Signal::TERM), 0);
    let dry = "bookshelf db clean --dry-run --json";
    assert_eq!(cleaned(&shop, dry, "commands"), 0, "nothing is old");

    shop.configure("[retention]\ncommands = \"1s\"\nmarkers = \"1s\"\ntraces = \"1s\"\n");
    wait_until("everything is old", || {
        cleaned(&shop, dry, "commands") == ROWS
    });
    assert_eq!(shop.count(COMMANDS), ROWS);
    assert_eq!(
        cleaned(&shop, "bookshelf db clean --json", "commands"),
        ROWS
    );
    assert_eq!(shop.count(COMMANDS), 0);
    let text = shop.succeed("bookshelf db clean --dry-run");
    let words: Vec<&str> = text.split_whitespace().collect();
    assert_eq!(words[..5], ["Kind", "From", "before", "Rows", "commands"]);
    assert!(text.ends_with("Nothing was removed: this is what would be.\n"));

    // Servers do it by themselves, beside everything else.
    let (_api, address) = shop.api();
    let servers = match tier {
        Tier::Sqlite => vec![server(&shop)],
        Tier::Postgres | Tier::Redis => vec![server(&shop), server(&shop)],
    };
    let customer = Customer::start(&address);
    wait_until("orders are handled", || {
        shop.count("SELECT count(*) FROM \"order\"") > 20
    });
    let report = customer.stop();
    assert_eq!(report.unanswered, 0, "a customer noticed");
    shop.settled();
    wait_until("commands, markers and traces go", || {
        [
            COMMANDS,
            "SELECT count(*) FROM protean_idempotency",
            "SELECT count(*) FROM protean_trace",
        ]
        .iter()
        .all(|sql| shop.count(sql) == 0)
    });
    let told = "protean_cleaned_rows_total{kind=\"commands\"} ";
    let metrics = servers.iter().map(|(_, at)| get_text(at, "/metrics").1);
    let metrics: String = metrics.collect();
    let counts = metrics.lines().filter_map(|line| line.strip_prefix(told));
    assert!(
        counts
            .map(|count| count.parse::<u64>().unwrap())
            .sum::<u64>()
            > 0,
        "{metrics}"
    );
    let events = "SELECT count(*) FROM protean_message WHERE type = 'Bookshelf.OrderPlaced.v1'";
    assert_eq!(
        shop.count(events),
        shop.count("SELECT count(*) FROM \"order\"")
    );
    assert_eq!(shop.count("SELECT count(*) FROM book_catalog"), ROWS);
    for (server, _) in servers {
        assert_eq!(server.stop(Signal::TERM), 0);
    }
    shop.assert_no_errors();
}
