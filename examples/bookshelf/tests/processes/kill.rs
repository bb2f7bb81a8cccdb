//! Power cuts: server and importer are killed again and again, at any instant.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use crate::program::Program;
use crate::shop::{Shop, wait_until};
use crate::tier::{Tier, on_every_tier};

on_every_tier!(l9_every_row_takes_effect_once_however_often_a_process_is_killed);

/// Enough that every kill comes in the middle, whatever the tier is.
const ROWS: u64 = 60_000;
const ROWS_ON_SERVERS: u64 = 30_000;

/// Rows that are in.
const ACCEPTED: &str = "SELECT count(*) FROM protean_message WHERE type = 'Bookshelf.AddBook.v1'";

/// How often each of them is killed.
const KILLS: u32 = 10;

/// How often it is tried to kill an importer before it is done.
const ATTEMPTS_MAX: u32 = 5 * KILLS;

/// The latest instant at which one is killed, after it has begun.
const LATEST_MS: u64 = 120;

fn pause() {
    let chance = RandomState::new().hash_one(0);
    // sleep: the instant of a power cut is any instant
    std::thread::sleep(Duration::from_millis(chance % LATEST_MS));
}

fn importer(shop: &Shop) -> Program {
    let mut importer = shop.start("import_vintage_press catalog.csv");
    importer.until("Importing");
    importer
}

fn l9_every_row_takes_effect_once_however_often_a_process_is_killed(tier: Tier) {
    let shop = Shop::on(tier);
    let rows = match tier {
        Tier::Sqlite => ROWS,
        Tier::Postgres | Tier::Redis => ROWS_ON_SERVERS,
    };
    shop.write_catalog(rows);

    let mut import = importer(&shop);
    for _ in 0..KILLS {
        let server = shop.server();
        if !import.is_running() {
            import = importer(&shop);
        }
        pause();
        server.kill();
    }
    // However busy the machine is, something is in before importers are killed.
    if !import.is_running() {
        import = importer(&shop);
    }
    wait_until("an importer gets somewhere", || shop.count(ACCEPTED) > 0);
    drop(import);

    let server = shop.server();
    let mut killed = 0;
    for _ in 0..ATTEMPTS_MAX {
        if killed == KILLS {
            break;
        }
        let mut import = importer(&shop);
        pause();
        killed += u32::from(import.is_running());
        import.kill();
    }
    let accepted = shop.count(ACCEPTED);
    assert!(accepted > 0, "no importer got anywhere");
    shop.settled();
    shop.assert_books_exactly_once(accepted);

    let rest = shop.succeed("import_vintage_press catalog.csv --json");
    let rest: serde_json::Value = serde_json::from_str(&rest).unwrap();
    assert_eq!(rest["data"]["imported"], rows - accepted);
    assert_eq!(rest["data"]["duplicates"], accepted);
    shop.settled();
    shop.assert_books_exactly_once(rows);
    drop(server);
}
