//! A book that its handler refuses.

use crate::shop::Shop;
use crate::tier::{Tier, on_every_tier};

on_every_tier!(l10_a_poison_row_goes_to_the_dead_letter_queue_and_delays_nothing);

fn l10_a_poison_row_goes_to_the_dead_letter_queue_and_delays_nothing(tier: Tier) {
    let shop = Shop::on(tier);
    shop.write(
        "catalog.csv",
        "title,author,isbn,price\nDune,Frank Herbert,,9.99\nOld News [withdrawn],Anon,,1\n\
         Emma,Jane Austen,,7.50\n",
    );
    shop.succeed("import_vintage_press catalog.csv");
    let _server = shop.server();
    shop.settled();
    assert_eq!(shop.count("SELECT count(*) FROM book_catalog"), 2);

    let list = shop.succeed("bookshelf dlq list");
    let lines: Vec<&str> = list.lines().collect();
    assert_eq!(lines.len(), 2, "{list}");
    for part in [
        "BookCommandHandler",
        "backfill",
        "Bookshelf.AddBook.v1",
        "was withdrawn by its publisher",
    ] {
        assert!(lines[1].contains(part), "{list}");
    }
    let json: serde_json::Value =
        serde_json::from_str(&shop.succeed("bookshelf dlq list --json --lane backfill")).unwrap();
    let letter = &json["data"]["dead_letters"][0];
    assert_eq!(letter["attempts"], 1);
    assert_eq!(letter["message"]["data"]["title"], "Old News [withdrawn]");
    assert_eq!(letter["message"]["metadata"]["domain"]["priority"], -100);

    let id = letter["id"].to_string();
    let inspected = shop.succeed(&format!("bookshelf dlq inspect {id}"));
    assert!(
        inspected.contains("\"title\": \"Old News [withdrawn]\""),
        "{inspected}"
    );
    let status = shop.status();
    assert_eq!(status[0]["lanes"]["backfill"]["dlq"], 1);

    assert_eq!(
        shop.succeed(&format!("bookshelf dlq replay {id}")),
        "Replayed 1 message.\n"
    );
    shop.settled();
    assert_eq!(
        shop.status()[0]["lanes"]["backfill"]["dlq"],
        1,
        "refused again"
    );
    assert_eq!(
        shop.succeed("bookshelf dlq replay-all --lane primary -y"),
        "Replayed 0 messages.\n"
    );
    let unasked = shop.run("bookshelf dlq purge");
    assert_eq!(unasked.status.code(), Some(2));
    insta::assert_snapshot!(String::from_utf8(unasked.stderr).unwrap(), @"error: [PE0902] expected a yes to `Purge 1 message?`, found no terminal to ask on; say it with `--yes`");
    let dry = shop.succeed("bookshelf dlq purge --dry-run --error WITHDRAWN --since 1h");
    assert!(
        dry.ends_with("Nothing was purged: this was a dry run.\n"),
        "{dry}"
    );
    assert_eq!(dry.lines().count(), 3, "{dry}");
    assert_eq!(
        shop.succeed("bookshelf dlq purge --yes"),
        "Purged 1 message.\n"
    );
    assert_eq!(shop.succeed("bookshelf dlq list"), "No dead letters.\n");
}
