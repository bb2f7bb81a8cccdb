//! Protean for Python on the same streams: each side handles what the other publishes.
//!
//! The Python side is the real one, as it is published: events go through its outbox, and are
//! handled by its engine. The variable `PROTEAN_TEST_PYTHON` names a Python that has it.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod book;
mod place;
mod worker;

use std::collections::BTreeSet;

use protean_core::Lane;
use protean_core::message::{Message, UNDECODABLE};
use protean_core::port::Tier;
use protean_core::port::broker::Verdict;
use protean_core::port::dead_letters::Filter;
use protean_testing::item;
use uuid::Uuid;

use book::{STREAM, book, book_of, check_handled, events, lane_of};
use place::Place;
use worker::{NAME, Worker, given_up, share};

/// Also what was published before there was a subscription.
#[tokio::test(flavor = "multi_thread")]
async fn a_rust_subscription_handles_what_python_publishes_on_both_lanes() {
    let place = Place::start();
    let before = place.publish(5, 5).await;
    let tier = place.open().await;
    let mut worker = Worker::join(&tier).await;
    worker.handle(&before).await;

    let after = place.publish(5, 5).await;
    let ids: BTreeSet<_> = before.iter().chain(&after).map(|line| &line.id).collect();
    assert_eq!(ids.len(), 20, "what is published again is another event");
    worker.handle(&after).await;
    assert_eq!(worker.lags().await, [0, 0]);
    place.acknowledged(NAME).await;
    drop(worker);

    // Whatever came back would come before what is new.
    let mut other = Worker::join(&tier).await;
    for lane in Lane::ALL {
        assert!(other.fetch(lane, 10).await.is_empty());
    }
    other.handle(&place.publish(1, 1).await).await;
    assert_eq!(other.lags().await, [0, 0]);
}

/// While Python runs, and while it does not.
#[tokio::test(flavor = "multi_thread")]
async fn python_handles_what_rust_publishes_on_both_lanes() {
    const GROUP: &str = "__main__.BookPrinter";
    let place = Place::start();
    let tier = place.open().await;

    let published = events(3);
    let publish = async {
        place.is_read(GROUP).await;
        item::publish(&tier, &published).await;
    };
    let (handled, ()) = tokio::join!(place.consume(published.len()), publish);
    check_handled(&handled, &published);

    let published = events(3);
    item::publish(&tier, &published).await;
    check_handled(&place.consume(published.len()).await, &published);
    place.acknowledged(GROUP).await;
}

/// They go where an operator sees them, and what is behind them is handled (L10).
#[tokio::test(flavor = "multi_thread")]
async fn entries_that_cannot_be_read_hold_nothing_up() {
    let place = Place::start();
    let other_payload = r#"{"data":{"a":1},"metadata":{"headers":{"id":"1","type":"A.B.v1",
        "stream":"a-1"},"envelope":{"checksum":"00"}}}"#;
    for unreadable in ["nonsense", "{\"data\":{}}", other_payload] {
        place.add("data", unreadable);
    }
    check_given_up(&place, &["nonsense", "{\\\"data\\\":{}}", "checksum"]).await;
}

/// An entry of somebody who does not know what entries look like here.
#[tokio::test(flavor = "multi_thread")]
async fn an_entry_without_data_is_not_lost() {
    let place = Place::start();
    place.add("text", "nonsense");
    check_given_up(&place, &["expected a field `data`, found none"]).await;
}

/// Whether the entries that are there cannot be read, say so in words that have these in them, are
/// given up, and hold up nothing that Python publishes behind them.
async fn check_given_up(place: &Place, words: &[&str]) {
    let tier = place.open().await;
    let mut worker = Worker::join(&tier).await;
    let behind = place.publish(2, 0).await;
    assert!(worker.fetch(Lane::Backfill, 10).await.is_empty());
    let mut deliveries = worker.take(Lane::Primary, words.len() + behind.len()).await;
    let books = deliveries.split_off(words.len());
    for (delivery, words) in deliveries.iter().zip(words) {
        let message = &delivery.message;
        assert_eq!(&*message.type_name, UNDECODABLE);
        assert!(message.data.contains(words), "{words}: {}", message.data);
    }
    let keys: BTreeSet<_> = books.iter().map(book).collect();
    assert_eq!(keys, behind.iter().map(|line| line.book_id).collect());

    worker.settle(&deliveries, given_up()).await;
    worker.settle(&books, Verdict::Done).await;
    place.acknowledged(NAME).await;
    let [primary, _] = worker.backlogs().await;
    let count = deliveries.len();
    assert_eq!(
        (primary.lag, primary.dead),
        (0, u64::try_from(count).unwrap())
    );
    let letters = tier
        .dead_letters
        .list(&Filter::default(), count + 1)
        .await
        .unwrap();
    let found = letters.iter().map(|letter| letter.message.id);
    assert_eq!(found.collect::<Vec<_>>(), item::ids(&deliveries));
}

/// Two processes of this side share what both sides publish at the same time.
#[tokio::test(flavor = "multi_thread")]
async fn what_both_sides_publish_at_once_is_handled_once() {
    const COUNT: usize = 20;
    let place = Place::start();
    let tiers = [place.open().await, place.open().await];
    let own = events(COUNT / 2);
    let (theirs, (), handled) = tokio::join!(
        place.publish(COUNT, COUNT),
        publish_one_by_one(&tiers[0], &own),
        share(&tiers, 4 * COUNT),
    );

    let own = own.iter().map(book_of);
    let mut expected: Vec<Uuid> = theirs.iter().map(|line| line.book_id).chain(own).collect();
    expected.sort_unstable();
    let mut found: Vec<Uuid> = handled.iter().map(book).collect();
    found.sort_unstable();
    assert_eq!(found, expected);
    for delivery in &handled {
        assert_eq!(lane_of(delivery.message.priority.value()), delivery.lane);
    }
    place.acknowledged(NAME).await;
    let mut worker = Worker::join(&tiers[0]).await;
    assert_eq!(worker.lags().await, [0, 0]);
    for lane in Lane::ALL {
        assert!(worker.fetch(lane, 10).await.is_empty());
    }
}

/// A commit for each, so that they come between those of the other side.
async fn publish_one_by_one(tier: &Tier, messages: &[Message]) {
    for message in messages {
        item::publish(tier, std::slice::from_ref(message)).await;
    }
}

/// The text of an envelope with this id and this correlation id.
fn envelope_with(id: &str, correlation_id: &str) -> String {
    format!(
        "{{\"data\":{{}},\"metadata\":{{\"headers\":{{\"id\":\"{id}\",\"type\":\"A.B.v1\",\
         \"stream\":\"{STREAM}-1\"}},\"domain\":{{\"correlation_id\":\"{correlation_id}\",\
         \"stream_category\":\"{STREAM}\"}}}}}}"
    )
}

/// A publisher that dies between publishing and knowing it publishes again.
#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_is_there_twice_is_handled_once_and_acknowledged() {
    let place = Place::start();
    let text = envelope_with("same", "c");
    place.add("data", &text);
    place.add("data", &text);
    let tier = place.open().await;
    let mut worker = Worker::join(&tier).await;
    assert!(worker.fetch(Lane::Backfill, 10).await.is_empty());
    let taken = worker.take(Lane::Primary, 1).await;
    assert!(worker.fetch(Lane::Primary, 10).await.is_empty());
    worker.settle(&taken, Verdict::Done).await;
    place.acknowledged(NAME).await;
}

/// PostgreSQL keeps no NUL in a text, and no text of any length in an index.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_log_cannot_hold_holds_nothing_up() {
    let long: String = (0..600)
        .map(|_| Uuid::new_v4().simple().to_string())
        .collect();
    for correlation_id in ["a\\u0000b", &long] {
        let place = Place::start();
        place.add("data", &envelope_with("bad", correlation_id));
        place.add("data", &envelope_with("good", "c"));
        let tier = place.open().await;
        let mut worker = Worker::join(&tier).await;
        let taken = worker.take(Lane::Primary, 2).await;
        assert_eq!(&*taken[0].message.type_name, UNDECODABLE);
    }
}
