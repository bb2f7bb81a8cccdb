//! A stream that is followed.

use std::collections::BTreeSet;

use rustix::process::Signal;
use serde_json::Value;

use crate::customer::{Customer, Orders};
use crate::shop::Shop;
use crate::tier::{Tier, on_every_tier};

on_every_tier!(messages_appear_as_they_are_published);

const STREAM: &str = "bookshelf::order:command";

/// The message in a line for programs.
fn message(line: &str) -> Value {
    let line: Value = serde_json::from_str(line).unwrap();
    assert_eq!(line["data"]["stream"], STREAM);
    let messages = line["data"]["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 1);
    messages[0]["message"].clone()
}

fn messages_appear_as_they_are_published(tier: Tier) {
    let shop = Shop::on(tier);
    let (_api, address) = shop.api();
    let mut orders = Orders::default();
    orders.place(&address);
    let follow = format!("bookshelf events read {STREAM} --follow --json");
    let mut all = shop.start(&format!("{follow} --from 0"));
    let id = |line: &str| message(line)["data"]["order_id"].clone();
    let known = orders.accepted[0].replace("/orders/", "");
    assert_eq!(id(&all.until("{")), known.as_str(), "those there are");
    let mut two = shop.start(&format!("{follow} --from 0 --limit 2"));
    assert_eq!(id(&two.until("{")), known.as_str());
    let mut new = shop.start(&follow);
    let customers: Vec<Customer> = (0..2).map(|_| Customer::start(&address)).collect();
    assert_ne!(id(&new.until("{")), known.as_str(), "only what is new");
    for customer in customers {
        orders.join(customer.stop());
    }

    let accepted = orders.accepted.iter().skip(1);
    let accepted: BTreeSet<String> = accepted.map(|it| it.replace("/orders/", "")).collect();
    let shown = |_| id(&all.until("{")).as_str().unwrap().to_owned();
    let shown: Vec<String> = (0..accepted.len()).map(shown).collect();
    assert_eq!(BTreeSet::from_iter(shown), accepted, "each of them, once");
    assert_eq!(two.rest().len(), 2, "the second, and an end without one");
    assert_eq!(two.child.wait().unwrap().code(), Some(0));
    assert_eq!(all.stop(Signal::INT), 0);
    assert_eq!(new.stop(Signal::TERM), 0);
}
