//! Database and broker that are away for a while, or come back without what they had.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use crate::customer::{Customer, Orders};
use crate::program::Program;
use crate::shop::{Shop, wait_until};
use crate::tier::{Database, Tier};

const ROWS: u64 = 4_000;

/// At how many books in the shop something happens: three times in the middle of an import.
const INSTANTS: [u64; 3] = [ROWS / 10, 4 * ROWS / 10, 7 * ROWS / 10];

/// How many orders are placed while Redis is away.
const ORDERS: usize = 50;

/// How long Redis is away for long: what it takes to restart a machine.
const OUTAGE: Duration = Duration::from_secs(30);

/// How many orders a customer places in that time, at least.
const ORDERS_MEANWHILE: usize = 100;

/// How often the network fails, and who orders meanwhile: some commit is under way each time.
const FAILURES: u32 = 40;
const CUSTOMERS: u32 = 4;

/// The longest time that the network works, or does not.
const LATEST_MS: u64 = 200;

fn pause() {
    let chance = RandomState::new().hash_one(0);
    // sleep: the instant at which a network fails is any instant
    std::thread::sleep(Duration::from_millis(chance % LATEST_MS));
}

/// An import that is started again until it is done: it may give up when the database is away for
/// long.
struct Import<'s> {
    shop: &'s Shop,
    program: Program,
}

impl<'s> Import<'s> {
    fn start(shop: &'s Shop) -> Self {
        let program = shop.start("import_vintage_press catalog.csv");
        Self { shop, program }
    }

    /// Whether it is done.
    fn is_done(&mut self) -> bool {
        match self.program.exit_code() {
            None => false,
            Some(0) => true,
            Some(_) => {
                self.program = Self::start(self.shop).program;
                false
            }
        }
    }
}

/// Imports a catalog while orders are placed, and has something happen a few times on the way.
fn import_while(shop: &Shop, mut happens: impl FnMut()) {
    shop.write_catalog(ROWS);
    let (_api, address) = shop.api();
    let _server = shop.server();
    let customer = Customer::start(&address);
    let mut import = Import::start(shop);
    for books in INSTANTS {
        wait_until("some books", || {
            import.is_done();
            shop.count("SELECT count(*) FROM book") >= books
        });
        happens();
    }
    wait_until("the end of the import", || import.is_done());
    let orders = customer.stop();
    shop.settled();
    shop.assert_books_exactly_once(ROWS);
    orders.assert_exactly_once(shop, &address);
}

#[test]
fn l9_a_database_that_is_killed_loses_nothing_and_doubles_nothing_on_postgres() {
    let shop = Shop::with(Database::alone(), None);
    import_while(&shop, || {
        shop.postgres().kill().unwrap();
        shop.postgres().start_again().unwrap();
    });
}

#[test]
fn l9_a_database_that_is_restarted_loses_nothing_and_doubles_nothing_on_postgres() {
    let shop = Shop::with(Database::alone(), None);
    import_while(&shop, || {
        shop.postgres().stop().unwrap();
        shop.postgres().start_again().unwrap();
    });
}

#[test]
fn orders_are_accepted_while_redis_is_away_and_handled_when_it_is_back() {
    let shop = Shop::on(Tier::Redis);
    let (_api, address) = shop.api();
    let _server = shop.server();
    let mut orders = Orders::default();
    orders.place(&address);
    shop.redis().stop().unwrap();
    for _ in 0..ORDERS {
        orders.place(&address);
    }
    assert_eq!(orders.unanswered, 0, "an order waited for Redis");
    shop.redis().start_again().unwrap();
    orders.assert_exactly_once(&shop, &address);
}

#[test]
fn orders_are_accepted_for_half_a_minute_without_redis() {
    let shop = Shop::on(Tier::Redis);
    let (_api, address) = shop.api();
    let _server = shop.server();
    shop.redis().stop().unwrap();
    let customer = Customer::start(&address);
    // sleep: the outage is what is tested
    std::thread::sleep(OUTAGE);
    shop.redis().start_again().unwrap();
    let orders = customer.stop();
    assert_eq!(orders.unanswered, 0, "an order waited for Redis");
    assert!(orders.accepted.len() >= ORDERS_MEANWHILE, "{orders:?}");
    orders.assert_exactly_once(&shop, &address);
}

#[test]
fn l9_redis_that_is_emptied_loses_nothing_and_doubles_nothing() {
    let shop = Shop::on(Tier::Redis);
    import_while(&shop, || shop.redis().flush_all().unwrap());
}

#[test]
fn l9_redis_that_is_killed_and_keeps_nothing_loses_nothing_and_doubles_nothing() {
    let shop = Shop::on(Tier::Redis);
    import_while(&shop, || {
        shop.redis().kill().unwrap();
        shop.redis().start_again().unwrap();
    });
}

#[test]
fn l9_a_network_that_fails_again_and_again_doubles_no_order_on_postgres() {
    let database = Database::behind_a_proxy();
    let shop = Shop::with(database, None);
    let (_api, address) = shop.api();
    let _server = shop.server();
    let customers: Vec<_> = (0..CUSTOMERS).map(|_| Customer::start(&address)).collect();
    for _ in 0..FAILURES {
        pause();
        shop.proxy().refuse().unwrap();
        pause();
        shop.proxy().accept().unwrap();
    }
    let mut orders = Orders::default();
    for customer in customers {
        orders.join(customer.stop());
    }
    orders.assert_exactly_once(&shop, &address);
}
