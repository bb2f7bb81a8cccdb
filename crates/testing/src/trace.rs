//! What became of messages, and the ways to them.

use std::time::Duration;

use jiff::Timestamp;
use protean_core::port::Tier;
use protean_core::port::broker::{Death, Delivery, Parking, Verdict};
use protean_core::port::log::Search;
use protean_core::port::store::{Commit, Position};
use protean_core::port::trace::{Attempt, Fate, Handling, Outcome, State};
use protean_core::{Lane, Priority};
use uuid::Uuid;

use crate::item::{STREAM, claim, commit, message, publish, settlement, subscription};
use crate::{Fixture, ready};

fn second(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// A settlement with how it was done, in a run that began at this second.
fn handled(name: &str, delivery: &Delivery, verdict: Verdict, began: i64, number: u32) -> Commit {
    let mut commit = settlement(name, delivery, verdict);
    for settlement in &mut commit.settlements {
        settlement.handling = Some(Handling {
            started: second(began),
            took: Duration::from_micros(1_234),
            attempt: number,
            dropped: None,
        });
    }
    commit
}

fn tried(number: u32, began: i64, together: u64, outcome: Outcome) -> Attempt {
    Attempt {
        number,
        started: second(began),
        took: Duration::from_micros(1_234),
        together,
        outcome,
        error: (outcome != Outcome::Done).then(|| "moved away".to_owned()),
    }
}

async fn fates(tier: &Tier, positions: &[Position]) -> Vec<Fate> {
    let readers = [
        subscription("Handler"),
        subscription("Other"),
        protean_core::port::broker::Subscription::new("Handler", "suite::elsewhere"),
    ];
    tier.log.fates(positions, &readers).await.unwrap()
}

/// Each message of a run tells of the run, and none that was not part of it does.
pub async fn what_a_run_did_is_told_of_each_of_its_messages(fixture: impl Fixture) {
    let tier = ready(&fixture).await;
    let messages: Vec<_> = (0..6).map(|_| message(None, Priority::Bulk)).collect();
    publish(&tier, &messages).await;
    let mut feed = claim(&tier, "Handler").await;
    let deliveries = feed.take(Lane::Backfill, 6).await;
    // The second is another run's, the last is nobody's yet.
    for (run, began) in [(&[0, 2, 3, 4][..], 10), (&[1], 11)] {
        let done = run
            .iter()
            .map(|nth| handled("Handler", &deliveries[*nth], Verdict::Done, began, 1));
        for result in tier.store.commit(Lane::Primary, done.collect()).await {
            result.unwrap();
        }
    }
    let positions: Vec<_> = deliveries.iter().map(|one| one.position).collect();
    let all = fates(&tier, &positions).await;
    assert_eq!(all.len(), 12, "each message in both subscriptions");
    let own = |nth: usize| {
        all.iter()
            .find(|fate| fate.position == positions[nth] && &*fate.subscription.name == "Handler")
            .unwrap()
    };
    for (nth, attempts) in [
        (0, vec![tried(1, 10, 4, Outcome::Done)]),
        (1, vec![tried(1, 11, 1, Outcome::Done)]),
        (4, vec![tried(1, 10, 4, Outcome::Done)]),
    ] {
        let fate = own(nth);
        assert_eq!(fate.state, State::Settled);
        assert_eq!(fate.lane, Lane::Backfill);
        assert_eq!(fate.attempts, attempts, "message {nth}");
    }
    assert_eq!(own(5).state, State::Waiting { before: 0 });
    let others = all
        .iter()
        .filter(|fate| &*fate.subscription.name == "Other");
    let others: Vec<_> = others.map(|fate| fate.state.clone()).collect();
    let expected: Vec<_> = (0..6).map(|before| State::Waiting { before }).collect();
    assert_eq!(others, expected);
}

/// From the first failure to the replay that does it.
pub async fn every_try_is_told_in_its_order(fixture: impl Fixture) {
    let tier = ready(&fixture).await;
    publish(&tier, &[message(Some("a"), Priority::Normal)]).await;
    let mut feed = claim(&tier, "Handler").await;
    let delivery = feed.take(Lane::Primary, 1).await.remove(0);
    let at = [delivery.position];
    let parking = Verdict::Park(Parking {
        due: Some(second(20)),
        failures: 1,
        failed_first: Some(second(10)),
        error: "moved away".to_owned(),
    });
    let first = handled("Handler", &delivery, parking, 10, 1);
    commit(&tier, first).await.unwrap();
    let parked = State::Parked {
        due: Some(second(20)),
        failures: 1,
        error: "moved away".to_owned(),
    };
    let mut expected = vec![tried(1, 10, 1, Outcome::Retried)];
    let now = fates(&tier, &at).await;
    assert_eq!((&now[0].state, &now[0].attempts), (&parked, &expected));

    let delivery = feed.fetch_parked(Lane::Primary, delivery.position).await;
    let death = Verdict::Dead(Death {
        attempts: 2,
        failed_first: second(10),
        failed_last: second(20),
        error: "moved away".to_owned(),
    });
    let second_try = handled("Handler", &delivery.unwrap(), death, 20, 2);
    commit(&tier, second_try).await.unwrap();
    expected.push(tried(2, 20, 1, Outcome::Dead));
    let now = fates(&tier, &at).await;
    let is_dead = matches!(&now[0].state, State::Dead { error, .. } if error == "moved away");
    assert!(is_dead, "{now:?}");
    assert_eq!(now[0].attempts, expected);

    tier.dead_letters.replay(&Default::default()).await.unwrap();
    let parked = feed.take_parked(Lane::Primary, 1).await;
    let delivery = feed.fetch_parked(Lane::Primary, parked[0].position).await;
    let third = handled("Handler", &delivery.unwrap(), Verdict::Done, 30, 1);
    commit(&tier, third).await.unwrap();
    expected.push(tried(1, 30, 1, Outcome::Done));
    let now = fates(&tier, &at).await;
    assert_eq!(
        (&now[0].state, &now[0].attempts),
        (&State::Settled, &expected)
    );
    assert_eq!(
        now[1].attempts,
        [],
        "the other subscription has not seen it"
    );
}

/// Of a commit that was refused nothing is told.
pub async fn a_refused_run_leaves_no_trace(fixture: impl Fixture) {
    let tier = ready(&fixture).await;
    publish(&tier, &[message(None, Priority::Normal)]).await;
    let mut feed = claim(&tier, "Handler").await;
    let delivery = feed.take(Lane::Primary, 1).await.remove(0);
    for began in [10, 11] {
        let again = handled("Handler", &delivery, Verdict::Done, began, 1);
        let _ = commit(&tier, again).await;
    }
    let fates = fates(&tier, &[delivery.position]).await;
    assert_eq!(fates[0].attempts, [tried(1, 10, 1, Outcome::Done)]);
}

/// By its id alone, among others of its time.
pub async fn a_message_is_found_by_its_id(fixture: impl Fixture) {
    let tier = ready(&fixture).await;
    let mut messages: Vec<_> = (0..30)
        .map(|nth| message(None, Priority::new(nth % 3 - 1)))
        .collect();
    for message in &mut messages {
        message.time = Timestamp::now();
    }
    publish(&tier, &messages).await;
    for message in &messages {
        let found = tier.log.find(message.id).await.unwrap();
        assert_eq!(found.map(|entry| entry.message.id), Some(message.id));
    }
    for other in [Uuid::now_v7(), Uuid::from_u128(7)] {
        assert!(tier.log.find(other).await.unwrap().is_none());
    }
}

/// By each condition, newest first of what there is, told in the order of writing.
pub async fn messages_are_found_by_what_they_are(fixture: impl Fixture) {
    let tier = ready(&fixture).await;
    let mut messages = ["a", "b", "a", "c"].map(|key| message(Some(key), Priority::Normal));
    for (message, at) in messages.iter_mut().zip([1_000, 2_000, 3_000, 4_000]) {
        message.time = second(at);
    }
    messages[1].correlation_id = "ours".into();
    messages[2].type_name = "Suite.Moved.v1".into();
    messages[3].priority = Priority::Bulk;
    publish(&tier, &messages).await;
    let found = async |search: Search, count_max| {
        let entries = tier.log.search(&search, count_max).await.unwrap();
        let place = |id| {
            messages
                .iter()
                .position(|message| message.id == id)
                .unwrap()
        };
        let places = entries.iter().map(|entry| place(entry.message.id));
        places.collect::<Vec<_>>()
    };
    let text = |text: &str| Some(text.to_owned());
    for (expected, change) in [
        (&[0, 1, 2, 3][..], (|_| {}) as fn(&mut Search)),
        (&[1], |it| it.correlation_id = Some("ours".to_owned())),
        (&[2], |it| it.type_name = Some("Suite.Moved.v1".to_owned())),
        (&[0, 2], |it| it.key = Some("a".to_owned())),
        (&[3], |it| it.lane = Some(Lane::Backfill)),
        (&[2, 3], |it| it.since = Some(second(3_000))),
        (&[0, 1], |it| it.until = Some(second(3_000))),
        (&[], |it| it.stream = Some("suite::nothing".to_owned())),
    ] {
        let mut search = Search::default();
        change(&mut search);
        assert_eq!(found(search.clone(), 10).await, expected, "{search:?}");
    }
    assert_eq!(found(Search::default(), 2).await, [2, 3]);
    let both = Search {
        key: text("a"),
        type_name: text("Suite.Changed.v1"),
        stream: text(STREAM),
        ..Search::default()
    };
    assert_eq!(found(both, 10).await, [0]);
    let of_lane = tier
        .log
        .read(STREAM, Some(Lane::Backfill), Position(0), 10)
        .await;
    assert_eq!(of_lane.unwrap().len(), 1);
}

/// By lanes, with the times of their first and last.
pub async fn what_lanes_have_taken_in_is_counted(fixture: impl Fixture) {
    let tier = ready(&fixture).await;
    let priorities = [Priority::Bulk, Priority::Low, Priority::Normal];
    let mut messages = priorities.map(|priority| message(None, priority));
    for (message, at) in messages.iter_mut().zip([1, 2, 3]) {
        message.time = second(at);
    }
    publish(&tier, &messages).await;
    let stats = tier.log.stats().await.unwrap();
    let told: Vec<_> = stats
        .iter()
        .map(|stat| {
            (
                &*stat.stream,
                stat.lane,
                stat.published,
                stat.oldest,
                stat.newest,
            )
        })
        .collect();
    let at = |at| Some(second(at));
    let expected = [
        (STREAM, Some(Lane::Primary), 1, at(3), at(3)),
        (STREAM, Some(Lane::Backfill), 2, at(1), at(2)),
    ];
    assert_eq!(told, expected);
}
