//! What the framework's commands print, word for word.

use crate::shop::Shop;
use crate::tier::{Tier, on_every_tier};

on_every_tier!(
    a_subscription_that_never_ran_counts_everything_as_lag,
    tables_are_made_emptied_and_dropped,
    what_is_not_there_is_told,
    the_status_can_be_watched,
);

fn printed(shop: &Shop, line: &str) -> (i32, String, String) {
    let output = shop.run(line);
    (
        output.status.code().unwrap(),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

fn a_subscription_that_never_ran_counts_everything_as_lag(tier: Tier) {
    let shop = Shop::on(tier);
    shop.write_catalog(3);
    shop.succeed("import_vintage_press catalog.csv");
    let table = shop.succeed("bookshelf subscriptions status");
    let cells: Vec<Vec<&str>> = table
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(
        cells[1][..6],
        [
            "BookCommandHandler",
            "bookshelf::book:command",
            "0",
            "3",
            "0",
            "0"
        ]
    );
    insta::assert_snapshot!(table.lines().next().unwrap(), @"Subscription           Stream                    Lag (primary)  Lag (backfill)  Pending  DLQ  Oldest (backfill)  Rate/s  ETA  Backfill");
    let read = shop.succeed("bookshelf events read bookshelf::book:command --limit 2 --json");
    let read: serde_json::Value = serde_json::from_str(&read).unwrap();
    let messages = read["data"]["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 2);
    assert_eq!(messages[0]["lane"], "backfill");
    assert_eq!(
        messages[0]["message"]["metadata"]["headers"]["type"],
        "Bookshelf.AddBook.v1"
    );
    let table = shop.succeed("bookshelf events read bookshelf::book:command --from 2");
    assert_eq!(table.lines().count(), 3, "{table}");
}

fn tables_are_made_emptied_and_dropped(tier: Tier) {
    let shop = Shop::on(tier);
    let setup = shop.succeed("bookshelf db setup");
    assert!(setup.contains("created book_catalog\n"), "{setup}");
    assert_eq!(
        shop.succeed("bookshelf db setup"),
        "Nothing to do: every table is as the code wants it.\n"
    );
    shop.write_catalog(3);
    shop.succeed("import_vintage_press catalog.csv");
    let (code, _, told) = printed(&shop, "bookshelf db truncate");
    insta::assert_snapshot!(told, @"error: [PE0503] emptying every table cannot be undone; confirm it with `--yes`");
    assert_eq!(code, 2);
    assert_eq!(shop.count("SELECT count(*) FROM protean_message"), 3);
    shop.succeed("bookshelf db truncate --yes");
    assert_eq!(shop.count("SELECT count(*) FROM protean_message"), 0);
    shop.succeed("bookshelf db drop --yes");
    assert!(!shop.has_table("book"));
    assert!(
        shop.succeed("bookshelf db setup")
            .contains("created book\n")
    );
}

fn what_is_not_there_is_told(tier: Tier) {
    let shop = Shop::on(tier);
    let (code, _, told) = printed(&shop, "bookshelf dlq inspect 7");
    insta::assert_snapshot!(told, @"error: [PE0502] no dead letter 7; `dlq list` shows those there are");
    assert_eq!(code, 1);
    let (code, json, _) = printed(&shop, "bookshelf events trace nobody --json");
    insta::assert_snapshot!(json, @r#"{"version":1,"status":"fail","data":null,"diagnostics":[{"severity":"error","code":"PE0502","message":"no message with the correlation id or the id `nobody`; `events search` shows those of the newest messages"}]}"#);
    assert_eq!(code, 1);
    let (code, _, told) = printed(&shop, "bookshelf dlq list --subscription Nobody");
    insta::assert_snapshot!(told, @"error: [PE0502] no subscription `Nobody`; `subscriptions status` shows those there are");
    assert_eq!(code, 1);
    let (code, _, told) = printed(&shop, "bookshelf server --domain library");
    insta::assert_snapshot!(told, @"error: [PE0501] this program is the domain `bookshelf`, not `library`; leave `--domain` out, or use the `protean` launcher, which finds the program of a domain");
    assert_eq!(code, 2);
    assert_eq!(printed(&shop, "bookshelf fly").0, 2);
}

#[test]
fn a_wrong_configuration_starts_nothing() {
    let shop = Shop::new();
    shop.write(
        "domain.toml",
        "[server]\npriority_lane = true\nprimary_concurrency = 0\n",
    );
    let (code, out, told) = printed(&shop, "bookshelf server");
    assert_eq!((code, out.as_str()), (3, ""));
    insta::assert_snapshot!(told, @r"
    error: [PE0401] the configuration is wrong
      domain.toml:2: server.priority_lane: unknown key; did you mean `priority_lanes`?
      domain.toml:3: server.primary_concurrency: expected a whole number from 1 to 1024, found 0
    ");
    shop.write(
        "domain.toml",
        "[databases.default]\nprovider = \"postgresql\"\n",
    );
    let (code, _, told) = printed(&shop, "bookshelf server");
    assert_eq!(code, 3);
    insta::assert_snapshot!(told, @r#"error: [PE0421] databases.default.database_uri: expected where PostgreSQL is, as "postgresql://user:password@host:5432/name""#);
    assert!(!shop.path().join("bookshelf.db").exists());
}

#[test]
fn a_server_stops_when_asked_and_a_domain_can_be_found_by_its_path() {
    use rustix::process::Signal;
    let shop = Shop::new();
    for signal in [Signal::INT, Signal::TERM] {
        assert_eq!(shop.server().stop(signal), 0);
    }
    let path = crate::program::program("bookshelf");
    let line = format!("protean subscriptions status --domain={}", path.display());
    assert!(shop.succeed(&line).starts_with("Subscription"));
    let (code, _, told) = printed(&shop, "protean server");
    assert_eq!(code, 2);
    assert!(
        told.starts_with("error: expected `--domain NAME`"),
        "{told}"
    );
    let (code, _, told) = printed(&shop, "protean server --domain ./nothing");
    assert_eq!(code, 3);
    insta::assert_snapshot!(told, @"error: [PE0511] expected the program of a domain at ./nothing, found none; build it, or name a program of this workspace or one on PATH");
}

fn the_status_can_be_watched(tier: Tier) {
    use rustix::process::Signal;
    let shop = Shop::on(tier);
    shop.write_catalog(2);
    shop.succeed("import_vintage_press catalog.csv");
    let mut watch = shop.start("bookshelf subscriptions status --watch --json");
    for _ in 0..2 {
        let line: serde_json::Value = serde_json::from_str(&watch.until("{")).unwrap();
        let lanes = &line["data"]["subscriptions"][0]["lanes"];
        assert_eq!(lanes["backfill"]["lag"], 2);
        assert_eq!(lanes["primary"]["oldest_seconds"], serde_json::Value::Null);
    }
    assert_eq!(watch.stop(Signal::INT), 0);
}
