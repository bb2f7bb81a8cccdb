//! What goes along with the commit that publishes its message.

use std::time::Duration;

use jiff::Timestamp;
use protean_core::message::Message;
use protean_core::port::Tier;
use protean_core::port::along::{Along, Since};
use protean_core::port::broker::{Listener, Parking, Published, Verdict, Wake};
use protean_core::port::store::{Change, Commit, Committed, Write};
use protean_core::port::trace::{Handling, State};
use protean_core::schema::Value;
use protean_core::{Lane, Priority};
use uuid::Uuid;

use crate::item::{
    self, Held, ITEM, PATIENCE, claim, commit, ids, insert, load, message, publication, publish,
    row, settlement, subscription,
};
use crate::{Fixture, ready};

const NAME: &str = "Projector";

/// A subscription that has handled one message with the key `k`, so that it is known how far it is.
async fn up_to_date(tier: &Tier) -> Held {
    let mut feed = claim(tier, NAME).await;
    handle(tier, &mut feed, &event("k")).await;
    feed
}

fn event(key: &str) -> Message {
    message(Some(key), Priority::Normal)
}

/// Publishes a message, and has it handled the usual way.
async fn handle(tier: &Tier, feed: &mut Held, message: &Message) {
    publish(tier, std::slice::from_ref(message)).await;
    let deliveries = feed.take(Lane::Primary, 1).await;
    assert_eq!(ids(&deliveries), [message.id]);
    let done = settlement(NAME, &deliveries[0], Verdict::Done);
    commit(tier, done).await.unwrap();
    feed.settled(&deliveries).await;
}

/// How far the subscription is known to be.
fn since(tier: &Tier) -> Since {
    let since = tier
        .store
        .since(&subscription(NAME), Lane::Primary, &event("k"));
    since.expect("how far the subscription is")
}

/// A commit of messages, all of which go along, each with a change.
fn going_along(messages: &[Message], changes: Vec<Change>, since: Since) -> Commit {
    let along = changes.into_iter().enumerate().map(|(nth, change)| Along {
        subscription: subscription(NAME),
        message: nth,
        writes: vec![Write {
            schema: &ITEM,
            change,
        }],
        since,
        handling: Handling {
            started: Timestamp::UNIX_EPOCH,
            took: Duration::from_millis(1),
            attempt: 1,
            dropped: None,
        },
    });
    Commit {
        along: along.collect(),
        ..publication(messages)
    }
}

/// Makes a commit, and says whether what was to go along with it did.
async fn made(tier: &Tier, made: Commit) -> bool {
    match commit(tier, made).await {
        Ok(Committed::Done {
            position: Some(_),
            along,
        }) => along,
        other => panic!("expected a position, found {other:?}"),
    }
}

/// The next message that is handed out is this one.
async fn comes_next(feed: &mut Held, message: &Message) {
    let next = feed.take(Lane::Primary, 1).await;
    assert_eq!(ids(&next), [message.id]);
}

/// Tries at hearing of a commit alone: a look at the tables, which every process has once a second,
/// may come at the same moment, and tells everybody.
const TRIES: usize = 5;

/// The subscription that has settled it has nothing to fetch, and all others have. Not for brokers
/// that hand out what they were sent, whoever has settled it.
pub async fn what_went_along_is_news_to_others_alone(fixture: impl Fixture) {
    let tier = ready(&fixture).await;
    let _feed = up_to_date(&tier).await;
    let mut listener = tier.broker.listen().await.unwrap();
    let put = || Change::Put(row(Uuid::now_v7(), "along", 0));
    let mut is_spared = false;
    for nth in 0..TRIES {
        let message = event(&format!("new {nth}"));
        let going = going_along(&[message], vec![put()], since(&tier));
        assert!(made(&tier, going).await);
        let news = heard(&mut *listener).await;
        assert!(concern(&news, "Other"), "{news:?}");
        is_spared |= !concern(&news, NAME);
    }
    assert!(is_spared, "everybody is told of what is settled");
    // Of one commit everything has to be settled.
    let half = [event("one"), event("another")];
    let half = going_along(&half, vec![put()], since(&tier));
    assert!(made(&tier, half).await);
    assert!(concern(&heard(&mut *listener).await, NAME));
}

/// What a listener hears next of the stream.
async fn heard(listener: &mut dyn Listener) -> Vec<Published> {
    let next = async {
        loop {
            if let Wake::Published(all) = listener.wake().await {
                return all;
            }
        }
    };
    let heard = tokio::time::timeout(PATIENCE, next).await;
    heard.expect("nothing was heard of a commit")
}

/// Whether any of it concerns a subscription.
fn concern(news: &[Published], name: &str) -> bool {
    news.iter().any(|one| one.concerns(&subscription(name)))
}

/// It is written, settled and recorded, and nobody hands it out, in this process or another.
pub async fn what_goes_along_is_settled_with_its_message(fixture: impl Fixture) {
    let tier = ready(&fixture).await;
    let mut feed = up_to_date(&tier).await;
    let (first, second, id) = (event("k"), event("new"), Uuid::now_v7());
    let mut positions = Vec::new();
    for (message, count) in [(first, 0), (second, 1)] {
        let change = Change::Put(row(id, "along", count));
        let going = going_along(&[message], vec![change], since(&tier));
        let made = commit(&tier, going).await;
        let Ok(Committed::Done {
            position: Some(position),
            along: true,
        }) = made
        else {
            panic!("expected that it goes along, found {made:?}");
        };
        positions.push(position);
        assert_eq!(load(&tier, id).await.unwrap().row[2], Value::Integer(count));
    }
    let backlogs = tier.broker.backlogs(&[subscription(NAME)]).await.unwrap();
    assert_eq!((backlogs[0][0].lag, backlogs[0][0].pending), (0, 0));
    let fates = tier.log.fates(&positions, &[subscription(NAME)]).await;
    for fate in fates.unwrap() {
        assert_eq!((fate.state, fate.attempts.len()), (State::Settled, 1));
    }
    let last = event("last");
    publish(&tier, std::slice::from_ref(&last)).await;
    comes_next(&mut feed, &last).await;
    drop(feed);
    let mut heir = claim(&fixture.open().await, NAME).await;
    comes_next(&mut heir, &last).await;
}

/// Several messages of one commit go along together, each seeing what those before it did.
pub async fn messages_of_one_commit_go_along_together(fixture: impl Fixture) {
    let tier = ready(&fixture).await;
    let mut feed = up_to_date(&tier).await;
    let (messages, id) = ([event("k"), event("k"), event("other")], Uuid::now_v7());
    let update = |expected| Change::Update {
        row: row(id, "along", expected + 1),
        expected,
    };
    let changes = vec![Change::Insert(row(id, "along", 0)), update(0), update(1)];
    assert!(made(&tier, going_along(&messages, changes, since(&tier))).await);
    let stored = load(&tier, id).await.unwrap();
    assert_eq!((stored.version, &stored.row[2]), (2, &Value::Integer(2)));
    let last = event("k");
    publish(&tier, std::slice::from_ref(&last)).await;
    comes_next(&mut feed, &last).await;
}

/// Each commit of a batch takes its own along, or does not.
pub async fn each_commit_of_a_batch_takes_its_own_along(fixture: impl Fixture) {
    let tier = ready(&fixture).await;
    let mut feed = up_to_date(&tier).await;
    let taken = Uuid::now_v7();
    commit(&tier, insert(taken, "taken", 0)).await.unwrap();
    let (since, keys) = (since(&tier), ["a", "b", "c"]);
    let messages = keys.map(event);
    let rows = [Uuid::now_v7(), Uuid::now_v7(), taken];
    let batch = messages.iter().zip(rows).map(|(message, id)| {
        let change = Change::Insert(row(id, "along", 1));
        going_along(std::slice::from_ref(message), vec![change], since)
    });
    let results = tier.store.commit(Lane::Primary, batch.collect()).await;
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    let went = |nth: usize| matches!(results[nth], Ok(Committed::Done { along: true, .. }));
    assert!(!went(2), "{results:?}");
    for (nth, id) in rows.iter().enumerate().take(2) {
        assert_eq!(load(&tier, *id).await.is_some(), went(nth));
    }
    let handed: Vec<_> = (0..3).filter(|nth| !went(*nth)).collect();
    let deliveries = feed.take(Lane::Primary, handed.len()).await;
    let expected: Vec<_> = handed.iter().map(|nth| messages[*nth].id).collect();
    assert_eq!(ids(&deliveries), expected);
}

/// What is before it goes first.
pub async fn nothing_goes_along_past_what_is_before_it(fixture: impl Fixture) {
    let tier = ready(&fixture).await;
    let mut feed = up_to_date(&tier).await;
    let since = since(&tier);
    let (before, message, id) = (event("before"), event("new"), Uuid::now_v7());
    publish(&tier, std::slice::from_ref(&before)).await;
    let going = |message: &Message| {
        let change = Change::Insert(row(id, "along", 0));
        going_along(std::slice::from_ref(message), vec![change], since)
    };
    assert!(!made(&tier, going(&message)).await);
    assert_eq!(load(&tier, id).await, None);
    let deliveries = feed.take(Lane::Primary, 2).await;
    assert_eq!(ids(&deliveries), [before.id, message.id]);
    // In hand is not settled, either.
    let another = event("another");
    assert!(!made(&tier, going(&another)).await);
    comes_next(&mut feed, &another).await;
}

/// A change that is refused costs the commit nothing: the message is handed out.
pub async fn what_is_refused_does_not_go_along(fixture: impl Fixture) {
    let tier = ready(&fixture).await;
    let mut feed = up_to_date(&tier).await;
    let (message, taken, own) = (event("k"), Uuid::now_v7(), Uuid::now_v7());
    commit(&tier, insert(taken, "taken", 0)).await.unwrap();
    let mut coded = row(Uuid::now_v7(), "coded", 0);
    coded[8] = Value::Text("c-1".to_owned());
    commit(&tier, item::change(Change::Insert(coded)))
        .await
        .unwrap();
    let mut clashing = row(taken, "along", 1);
    clashing[8] = Value::Text("c-1".to_owned());
    let refused = [
        Change::Update {
            row: clashing,
            expected: 0,
        },
        Change::Insert(row(taken, "along", 1)),
        Change::Update {
            row: row(taken, "along", 1),
            expected: 7,
        },
        Change::Delete {
            id: Value::Uuid(taken),
            expected: 7,
        },
    ];
    for change in refused {
        let going = going_along(std::slice::from_ref(&message), vec![change], since(&tier));
        let going = Commit {
            writes: insert(own, "own", 0).writes,
            ..going
        };
        assert!(!made(&tier, going).await);
        assert_eq!(
            load(&tier, taken).await.unwrap().row,
            row(taken, "taken", 0)
        );
        assert!(load(&tier, own).await.is_some());
        let deliveries = feed.take(Lane::Primary, 1).await;
        assert_eq!(ids(&deliveries), [message.id]);
        let done = settlement(NAME, &deliveries[0], Verdict::Done);
        let id = Value::Uuid(own);
        let cleared = Commit {
            writes: item::change(Change::Delete { id, expected: 0 }).writes,
            ..done
        };
        commit(&tier, cleared).await.unwrap();
        feed.settled(&deliveries).await;
    }
}

/// Work that has not seen what came of an earlier message of the key does not go along (L8).
pub async fn what_has_not_seen_its_key_does_not_go_along(fixture: impl Fixture) {
    let tier = ready(&fixture).await;
    let mut feed = up_to_date(&tier).await;
    let early = since(&tier);
    handle(&tier, &mut feed, &event("k")).await;
    let (same, other) = (event("k"), event("other"));
    let going = |message: &Message, since| {
        let change = Change::Put(row(Uuid::now_v7(), "along", 0));
        going_along(std::slice::from_ref(message), vec![change], since)
    };
    assert!(made(&tier, going(&other, early)).await);
    assert!(!made(&tier, going(&same, early)).await);
    comes_next(&mut feed, &same).await;
}

/// Another process has moved the subscription, of which this one knows nothing.
pub async fn what_another_process_has_handled_is_found_out(fixture: impl Fixture) {
    let tier = ready(&fixture).await;
    drop(up_to_date(&tier).await);
    let early = since(&tier);
    let other = fixture.open().await;
    let mut feed = claim(&other, NAME).await;
    handle(&other, &mut feed, &event("taken")).await;
    drop(feed);
    let going = |key| {
        let message = event(key);
        let change = Change::Insert(row(Uuid::now_v7(), "along", 0));
        going_along(std::slice::from_ref(&message), vec![change], early)
    };
    assert!(made(&tier, going("free")).await);
    assert!(!made(&tier, going("taken")).await);
    let mut feed = claim(&tier, NAME).await;
    let left = feed.take(Lane::Primary, 1).await;
    assert_eq!(left[0].message.key.as_deref(), Some("taken"));
}

/// A message that is set aside may be of the same key.
pub async fn nothing_goes_along_past_what_is_set_aside(fixture: impl Fixture) {
    let tier = ready(&fixture).await;
    let mut feed = up_to_date(&tier).await;
    publish(&tier, &[event("k")]).await;
    let deliveries = feed.take(Lane::Primary, 1).await;
    let parking = Parking {
        due: None,
        failures: 1,
        failed_first: None,
        error: "once".to_owned(),
    };
    let parked = settlement(NAME, &deliveries[0], Verdict::Park(parking));
    commit(&tier, parked).await.unwrap();
    let message = event("k");
    let change = Change::Put(row(Uuid::now_v7(), "along", 0));
    let going = going_along(std::slice::from_ref(&message), vec![change], since(&tier));
    assert!(!made(&tier, going).await);
}

/// Of a subscription that nobody has moved here nothing is known, and nothing of another lane.
pub async fn what_is_not_known_is_not_guessed(fixture: impl Fixture) {
    let tier = ready(&fixture).await;
    let feed = up_to_date(&tier).await;
    let since = |tier: &Tier, name: &str, lane| {
        let message = event("k");
        tier.store.since(&subscription(name), lane, &message)
    };
    assert_eq!(since(&tier, "Nobody", Lane::Primary), None);
    assert_eq!(since(&tier, NAME, Lane::Backfill), None);
    assert_eq!(since(&fixture.open().await, NAME, Lane::Primary), None);
    drop(feed);
}
