//! A customer who goes on ordering, whatever happens to the servers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::shop::Shop;
use crate::web;

/// Between two orders: often enough that some are under way whenever something is killed.
const INTERVAL: Duration = Duration::from_millis(25);

/// What the API answers when the store cannot be reached: then the customer does not know whether
/// the order is in.
const UNAVAILABLE: u16 = 503;

const ORDER: &str =
    r#"{"customer_name":"Ada","book_title":"Dune","quantity":2,"unit_price_amount":"9.99"}"#;

/// A customer who goes on ordering.
pub struct Customer {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Orders>,
}

/// What became of a customer's orders.
#[derive(Debug, Default)]
pub struct Orders {
    /// Those that were accepted, by the paths they are seen at.
    pub accepted: Vec<String>,
    /// How many were not, for want of a store. They may be in nevertheless.
    pub unanswered: u64,
}

impl Customer {
    /// One who orders from the API at an address.
    pub fn start(address: &str) -> Self {
        Self::every(INTERVAL, address)
    }

    /// One who orders so often, and does not wait longer when something took long.
    pub fn every(interval: Duration, address: &str) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, address) = (stop.clone(), address.to_owned());
        let thread = std::thread::spawn(move || {
            let mut orders = Orders::default();
            let mut due = Instant::now();
            while !stopped.load(Ordering::Relaxed) {
                orders.place(&address);
                due += interval;
                // sleep: between two orders of a customer
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
            }
            orders
        });
        Self { stop, thread }
    }

    /// Ends; says what became of the orders.
    pub fn stop(self) -> Orders {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

impl Orders {
    /// Places one order.
    pub fn place(&mut self, address: &str) {
        let answer = web::post(address, "/orders", ORDER);
        match answer.status {
            202 => {
                let id = answer.body["order_id"].as_str().unwrap();
                self.accepted.push(format!("/orders/{id}"));
            }
            UNAVAILABLE => self.unanswered += 1,
            _ => panic!("{answer:?}"),
        }
    }

    /// Adds what became of the orders of another customer.
    pub fn join(&mut self, other: Self) {
        self.accepted.extend(other.accepted);
        self.unanswered += other.unanswered;
    }

    /// Every order that was accepted can be seen, every order was handled once, and none was given
    /// up.
    pub fn assert_exactly_once(&self, shop: &Shop, address: &str) {
        for path in &self.accepted {
            web::get_when_there(address, path);
        }
        shop.settled();
        let count = |sql: &str| shop.count(&format!("SELECT count(*) FROM {sql}"));
        let orders = count("\"order\"");
        let accepted = u64::try_from(self.accepted.len()).unwrap();
        assert!(
            (accepted..=accepted + self.unanswered).contains(&orders),
            "{orders} orders are in, {accepted} were accepted and {} not",
            self.unanswered
        );
        assert_eq!(count("order_summary"), orders, "summaries");
        for (what, of_type) in [("commands", "PlaceOrder"), ("events", "OrderPlaced")] {
            let messages = format!("protean_message WHERE type = 'Bookshelf.{of_type}.v1'");
            assert_eq!(count(&messages), orders, "{what}");
        }
        assert_eq!(shop.succeed("bookshelf dlq list"), "No dead letters.\n");
    }
}
