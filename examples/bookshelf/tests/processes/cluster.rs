//! Several servers that share the subscriptions of one shop, some of them killed.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use crate::customer::Customer;
use crate::shop::Shop;
use crate::tier::Tier;

const ROWS: u64 = 5_000;

/// The distance of two kills, of which the second part is by chance. It is shorter than the time
/// after which a silent server counts as dead, so that the next one is killed while the messages of
/// the one before wait to be taken over.
const LEAST_MS: u64 = 1_500;
const CHANCE_MS: u64 = 1_000;

/// How many kills there are at least: each server is killed.
const KILLS_MIN: u32 = 2;

fn pause() {
    let chance = RandomState::new().hash_one(0);
    // sleep: the instant of a power cut is any instant
    std::thread::sleep(Duration::from_millis(LEAST_MS + chance % CHANCE_MS));
}

#[test]
fn l9_two_servers_killed_in_turn_handle_every_row_once_on_postgres() {
    kill_two_servers_in_turn(Tier::Postgres);
}

#[test]
fn l9_two_servers_killed_in_turn_handle_every_row_once_on_redis() {
    kill_two_servers_in_turn(Tier::Redis);
}

/// Kills one of two servers after the other until every book is in the catalog, while orders are
/// placed.
fn kill_two_servers_in_turn(tier: Tier) {
    let shop = Shop::on(tier);
    shop.write_catalog(ROWS);
    let (_api, address) = shop.api();
    let mut servers = vec![shop.server(), shop.server()];
    let customer = Customer::start(&address);
    let mut import = shop.start("import_vintage_press catalog.csv");
    import.until("Importing");
    let mut kills = 0;
    while import.is_running() || shop.backfill_lag() > 0 {
        pause();
        servers.remove(0).kill();
        servers.push(shop.server());
        kills += 1;
    }
    assert_eq!(import.exit_code(), Some(0), "{}", shop.log());
    assert!(
        kills >= KILLS_MIN,
        "the import was over after {kills} kills"
    );
    let orders = customer.stop();
    assert_eq!(orders.unanswered, 0);
    shop.settled();
    shop.assert_books_exactly_once(ROWS);
    orders.assert_exactly_once(&shop, &address);
    shop.assert_no_errors();
}
