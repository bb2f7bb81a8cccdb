//! Retention: what is handled and old goes, and nothing else does.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use protean_core::config::CrossLaneOrder;
use protean_core::message::{Kind as MessageKind, Message};
use protean_core::port::Tier;
use protean_core::port::broker::{Death, Delivery, Parking, Subscription, Verdict};
use protean_core::port::imports::{State, correlation_id};
use protean_core::port::retention::{Kind, Row, Sweep};
use protean_core::port::store::{Commit, Committed, Position, Refused};
use protean_core::port::trace::Handling;
use protean_core::{Lane, Priority};
use uuid::Uuid;

use crate::imports::plan;
use crate::item::{self, Held, PATIENCE, commit, look_again, publication, publish};
use crate::{Fixture, ready};

/// A stream of commands.
const STREAM: &str = "suite::item:command";

/// When the suite's commands were made, and a moment after.
const MADE: i64 = 1_767_225_600;
const AFTER: i64 = MADE + 60;

fn second(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// A moment after everything that a case does.
fn tomorrow() -> Timestamp {
    second(Timestamp::now().as_second() + 86_400)
}

fn subscription(name: &str) -> Subscription {
    Subscription::new(name, STREAM)
}

fn command(priority: Priority) -> Message {
    Message {
        kind: MessageKind::Command,
        stream: STREAM.into(),
        causation_id: None,
        time: second(MADE),
        ..item::message(None, priority)
    }
}

fn keyed(key: &str) -> Message {
    Message {
        idempotency_key: Some(key.to_owned()),
        ..command(Priority::Bulk)
    }
}

async fn claim(tier: &Tier, name: &str) -> Held {
    let deadline = Instant::now() + PATIENCE;
    let subscription = subscription(name);
    let order = CrossLaneOrder::None;
    loop {
        if let Some(feeds) = tier.broker.claim(&subscription, order).await.unwrap() {
            return Held::of(feeds);
        }
        look_again(deadline, "the subscription is not to be had").await;
    }
}

fn settlement(name: &str, delivery: &Delivery, verdict: Verdict) -> Commit {
    let mut commit = item::settlement(name, delivery, verdict);
    let settlement = &mut commit.settlements[0];
    settlement.subscription = subscription(name);
    settlement.handling = Some(Handling {
        started: second(MADE),
        took: Duration::from_micros(10),
        attempt: 1,
        dropped: None,
    });
    commit
}

async fn settle(tier: &Tier, name: &str, delivery: &Delivery, verdict: Verdict) {
    let made = commit(tier, settlement(name, delivery, verdict)).await;
    made.unwrap();
}

fn park() -> Verdict {
    Verdict::Park(Parking {
        due: Some(second(20)),
        failures: 1,
        failed_first: Some(second(10)),
        error: "moved away".to_owned(),
    })
}

fn dead() -> Verdict {
    Verdict::Dead(Death {
        attempts: 1,
        failed_first: second(10),
        failed_last: second(10),
        error: "moved away".to_owned(),
    })
}

fn sweep(kind: Kind, before: Timestamp) -> Sweep {
    Sweep {
        kind,
        before,
        subscriptions: vec![subscription("Handler")],
    }
}

/// Sweeps once; says how many rows were removed.
async fn swept(tier: &Tier, sweep: &Sweep) -> u64 {
    let (mut count, mut after) = (0, None);
    loop {
        let due = tier.retention.due(sweep, after.as_ref()).await.unwrap();
        let mut rows = due.rows.as_slice();
        while !rows.is_empty() {
            let removed = tier.retention.remove(sweep, rows).await.unwrap();
            assert!((1..=rows.len()).contains(&removed.passed));
            count += removed.removed;
            rows = &rows[removed.passed..];
        }
        if due.next.is_none() {
            return count;
        }
        after = due.next;
    }
}

/// Sweeps until so many rows were removed: a broker may tell late what it has published.
async fn swept_of(tier: &Tier, sweep: &Sweep, expected: u64) {
    let deadline = Instant::now() + PATIENCE;
    let mut count = swept(tier, sweep).await;
    while count < expected {
        let found = format!("expected {expected} rows to go, {count} went");
        look_again(deadline, &found).await;
        count += swept(tier, sweep).await;
    }
    assert_eq!(count, expected);
}

async fn logged(tier: &Tier) -> Vec<Uuid> {
    let read = tier.log.read(STREAM, None, Position(0), 1_000).await;
    read.unwrap().iter().map(|one| one.message.id).collect()
}

async fn lags(tier: &Tier, name: &str) -> [u64; 2] {
    let of = [subscription(name)];
    let backlogs = tier.broker.backlogs(&of).await.unwrap();
    backlogs[0].clone().map(|lane| lane.lag)
}

/// What is set aside, given up, young, not read, or a fact stays.
pub async fn commands_go_that_everybody_has_handled(fixture: impl Fixture) {
    let tier = ready(&fixture).await;
    let mut messages: Vec<_> = (0..7).map(|_| command(Priority::Bulk)).collect();
    messages[3].kind = MessageKind::Event;
    messages[5].time = Timestamp::now();
    publish(&tier, &messages).await;
    let urgent = command(Priority::Normal);
    publish(&tier, std::slice::from_ref(&urgent)).await;
    let mut handler = claim(&tier, "Handler").await;
    let taken = handler.take(Lane::Backfill, 6).await;
    let primary = handler.take(Lane::Primary, 1).await;
    for (delivery, verdict) in taken.iter().zip([
        Verdict::Done,
        park(),
        dead(),
        Verdict::Done,
        Verdict::Done,
        Verdict::Done,
    ]) {
        settle(&tier, "Handler", delivery, verdict).await;
    }
    settle(&tier, "Handler", &primary[0], Verdict::Done).await;
    let commands = sweep(Kind::Commands, second(MADE));
    assert_eq!(swept(&tier, &commands).await, 0, "it is not old enough");
    let commands = sweep(Kind::Commands, second(AFTER));
    swept_of(&tier, &commands, 3).await;
    let kept = [1, 2, 3, 5, 6].map(|nth: usize| messages[nth].id);
    assert_eq!(logged(&tier).await, kept);
    assert_eq!(swept(&tier, &commands).await, 0);
    // What was set aside and given up is handled, and goes after that.
    let parked = handler.take_parked(Lane::Backfill, 1).await;
    let again = handler.fetch_parked(Lane::Backfill, parked[0].position);
    settle(&tier, "Handler", &again.await.unwrap(), Verdict::Done).await;
    tier.dead_letters.purge(&Default::default()).await.unwrap();
    swept_of(&tier, &commands, 2).await;
    assert_eq!(lags(&tier, "Handler").await, [0, 1]);
}

/// Also when nobody but itself knows of it.
pub async fn what_a_subscription_has_not_read_stays(fixture: impl Fixture) {
    let tier = ready(&fixture).await;
    publish(&tier, &[command(Priority::Normal), command(Priority::Bulk)]).await;
    let commands = sweep(Kind::Commands, second(AFTER));
    assert_eq!(swept(&tier, &commands).await, 0, "nobody has read it");
    let mut handler = claim(&tier, "Handler").await;
    for lane in Lane::ALL {
        let taken = handler.take(lane, 1).await;
        settle(&tier, "Handler", &taken[0], Verdict::Done).await;
    }
    let both = Sweep {
        subscriptions: vec![subscription("Handler"), subscription("Never")],
        ..commands.clone()
    };
    assert_eq!(swept(&tier, &both).await, 0, "one has never run");
    drop(claim(&tier, "Unknown").await);
    assert_eq!(swept(&tier, &commands).await, 0, "one has just begun");
    let mut unknown = claim(&tier, "Unknown").await;
    for lane in Lane::ALL {
        let taken = unknown.take(lane, 1).await;
        settle(&tier, "Unknown", &taken[0], Verdict::Done).await;
    }
    swept_of(&tier, &commands, 2).await;
}

/// Its lag is what there is, and ends.
pub async fn who_comes_new_begins_after_what_is_gone(fixture: impl Fixture) {
    let tier = ready(&fixture).await;
    let messages: Vec<_> = (0..4).map(|_| command(Priority::Normal)).collect();
    publish(&tier, &messages).await;
    let mut handler = claim(&tier, "Handler").await;
    let taken = handler.take(Lane::Primary, 3).await;
    for delivery in &taken {
        settle(&tier, "Handler", delivery, Verdict::Done).await;
    }
    swept_of(&tier, &sweep(Kind::Commands, second(AFTER)), 3).await;
    assert_eq!(lags(&tier, "Late").await, [1, 0]);
    let mut late = claim(&tier, "Late").await;
    let after = command(Priority::Normal);
    publish(&tier, std::slice::from_ref(&after)).await;
    let deadline = Instant::now() + PATIENCE;
    let mut done = Vec::new();
    while done.len() < 2 {
        look_again(deadline, "too little is handed out").await;
        for delivery in late.fetch(Lane::Primary, 10).await {
            match commit(&tier, settlement("Late", &delivery, Verdict::Done)).await {
                Ok(_) => done.push(delivery.message.id),
                // A broker apart from the store may still have it.
                Err(refused) => assert!(matches!(refused, Refused::Settled), "{refused:?}"),
            }
        }
    }
    assert_eq!(done, [messages[3].id, after.id]);
    assert_eq!(lags(&tier, "Late").await, [0, 0]);
}

/// A number that was given is not given again.
pub async fn what_comes_after_all_is_gone_is_numbered_on(fixture: impl Fixture) {
    let tier = ready(&fixture).await;
    let mut handler = claim(&tier, "Handler").await;
    let mut last = Position(0);
    for _ in 0..2 {
        let command = command(Priority::Normal);
        publish(&tier, std::slice::from_ref(&command)).await;
        let taken = handler.take(Lane::Primary, 1).await;
        assert_eq!(taken[0].message.id, command.id);
        assert!(taken[0].position > last, "{last:?} was given again");
        last = taken[0].position;
        assert_eq!(lags(&tier, "Handler").await, [1, 0]);
        settle(&tier, "Handler", &taken[0], Verdict::Done).await;
        swept_of(&tier, &sweep(Kind::Commands, second(AFTER)), 1).await;
        assert_eq!(logged(&tier).await, [] as [Uuid; 0]);
        assert_eq!(lags(&tier, "Handler").await, [0, 0]);
    }
}

/// A command counts once as long as its key is known, and as long as it waits.
pub async fn a_key_counts_until_its_age(fixture: impl Fixture) {
    let tier = ready(&fixture).await;
    publish(&tier, &[keyed("a"), keyed("b")]).await;
    let again = async |key| commit(&tier, publication(&[keyed(key)])).await.unwrap();
    let is_known = |answer| matches!(answer, Committed::Duplicate { .. });
    let markers = sweep(Kind::Markers, second(AFTER));
    assert_eq!(swept(&tier, &markers).await, 0, "both wait");
    let mut handler = claim(&tier, "Handler").await;
    let taken = handler.take(Lane::Backfill, 2).await;
    settle(&tier, "Handler", &taken[0], Verdict::Done).await;
    let young = sweep(Kind::Markers, second(MADE));
    assert_eq!(swept(&tier, &young).await, 0, "both are young");
    assert!(is_known(again("a").await) && is_known(again("b").await));
    swept_of(&tier, &markers, 1).await;
    assert!(!is_known(again("a").await) && is_known(again("b").await));
    // When the command is gone, its id tells how old the key is.
    settle(&tier, "Handler", &taken[1], dead()).await;
    assert_eq!(swept(&tier, &markers).await, 0, "one is given up");
    tier.dead_letters.purge(&Default::default()).await.unwrap();
    swept_of(&tier, &sweep(Kind::Commands, second(AFTER)), 2).await;
    assert_eq!(swept(&tier, &markers).await, 0);
    swept_of(&tier, &sweep(Kind::Markers, tomorrow()), 1).await;
    assert!(!is_known(again("b").await));
}

/// It may be killed, and submits its rows again.
pub async fn an_import_that_has_not_ended_keeps_its_own(fixture: impl Fixture) {
    let tier = ready(&fixture).await;
    let runner = Uuid::now_v7();
    start_import(&tier, runner).await;
    let own = Message {
        time: Timestamp::now(),
        correlation_id: correlation_id("books", 1, 1).into(),
        ..keyed("import:books:1")
    };
    publish(&tier, &[own.clone(), keyed("older")]).await;
    let mut handler = claim(&tier, "Handler").await;
    let taken = handler.take(Lane::Backfill, 2).await;
    for delivery in &taken {
        settle(&tier, "Handler", delivery, dead()).await;
    }
    let purge = async |before: &str| {
        assert_eq!(
            tier.dead_letters.count(&Default::default()).await.unwrap(),
            2
        );
        let imports = swept(&tier, &sweep(Kind::Imports, tomorrow())).await;
        assert_eq!(imports, 0, "{before}");
    };
    purge("it runs").await;
    let ended = tier.imports.ask("books", State::Finished).await;
    assert_eq!(ended.unwrap(), Some(State::Running));
    purge("its failures are shown").await;
    start_another(&tier, runner).await;
    tier.dead_letters.purge(&Default::default()).await.unwrap();
    let imports = sweep(Kind::Imports, tomorrow());
    assert_eq!(swept(&tier, &imports).await, 1);
    assert_eq!(tier.imports.find("books").await.unwrap(), None);
    assert!(tier.imports.find("films").await.unwrap().is_some());
    // The other one runs, and was started after what is older.
    swept_of(&tier, &sweep(Kind::Markers, tomorrow()), 1).await;
    let known = commit(&tier, publication(&[own])).await.unwrap();
    assert!(matches!(known, Committed::Duplicate { .. }));
    let ended = tier.imports.ask("films", State::Cancelled).await;
    assert_eq!(ended.unwrap(), Some(State::Running));
    swept_of(&tier, &sweep(Kind::Markers, tomorrow()), 1).await;
}

async fn start_import(tier: &Tier, runner: Uuid) {
    for name in ["books", "films"] {
        tier.imports.start(&plan(name), runner).await.unwrap();
    }
}

/// It was started before, and goes on.
async fn start_another(tier: &Tier, runner: Uuid) {
    let import = tier.imports.start(&plan("films"), runner).await.unwrap();
    assert_eq!(import.state, State::Running);
}

/// The failures of what waits or was given up are still told.
pub async fn traces_go_but_for_open_failures(fixture: impl Fixture) {
    let tier = ready(&fixture).await;
    let messages: Vec<_> = (0..3).map(|_| command(Priority::Bulk)).collect();
    publish(&tier, &messages).await;
    let mut handler = claim(&tier, "Handler").await;
    let taken = handler.take(Lane::Backfill, 3).await;
    for (delivery, verdict) in taken.iter().zip([Verdict::Done, park(), dead()]) {
        settle(&tier, "Handler", delivery, verdict).await;
    }
    let positions: Vec<_> = taken.iter().map(|one| one.position).collect();
    let tries = async || {
        let fates = tier.log.fates(&positions, &[subscription("Handler")]).await;
        let fates = fates.unwrap();
        fates
            .iter()
            .map(|one| one.attempts.len())
            .collect::<Vec<_>>()
    };
    assert_eq!(tries().await, [1, 1, 1]);
    assert_eq!(swept(&tier, &sweep(Kind::Traces, second(MADE))).await, 0);
    assert_eq!(swept(&tier, &sweep(Kind::Traces, second(AFTER))).await, 1);
    assert_eq!(tries().await, [0, 1, 1]);
    tier.dead_letters.purge(&Default::default()).await.unwrap();
    assert_eq!(swept(&tier, &sweep(Kind::Traces, second(AFTER))).await, 1);
    assert_eq!(tries().await, [0, 1, 0]);
}

/// Whatever was found old is judged again.
pub async fn what_is_gone_is_not_removed_again(fixture: impl Fixture) {
    let tier = ready(&fixture).await;
    publish(&tier, &[keyed("a")]).await;
    let mut handler = claim(&tier, "Handler").await;
    let taken = handler.take(Lane::Backfill, 1).await;
    settle(&tier, "Handler", &taken[0], Verdict::Done).await;
    let commands = sweep(Kind::Commands, second(AFTER));
    let deadline = Instant::now() + PATIENCE;
    let rows = loop {
        let due = tier.retention.due(&commands, None).await.unwrap();
        if !due.rows.is_empty() {
            break due.rows;
        }
        look_again(deadline, "nothing is due").await;
    };
    assert!(matches!(rows[..], [Row::Command { .. }]), "{rows:?}");
    let remove = async |sweep: &Sweep| tier.retention.remove(sweep, &rows).await.unwrap();
    let young = sweep(Kind::Commands, second(MADE));
    assert_eq!(remove(&young).await.removed, 0, "it may be another one");
    assert_eq!(remove(&commands).await.removed, 1);
    assert_eq!(remove(&commands).await.removed, 0);
}

/// One process at a time, and the next when it is gone.
pub async fn one_cleans_at_a_time(fixture: impl Fixture) {
    let (tier, other) = (ready(&fixture).await, fixture.open().await);
    let turn = tier.retention.turn().await.unwrap();
    assert!(turn.is_some());
    assert!(other.retention.turn().await.unwrap().is_none());
    drop(turn);
    let deadline = Instant::now() + PATIENCE;
    while other.retention.turn().await.unwrap().is_none() {
        look_again(deadline, "it was not let go").await;
    }
}
