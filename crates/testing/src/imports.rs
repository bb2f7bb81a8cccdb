//! Imports: records that outlive their runners, and commands that are taken back.

use protean_core::message::{Kind, Message};
use protean_core::port::Tier;
use protean_core::port::broker::{Death, Parking, Place, Settlement, Verdict};
use protean_core::port::dead_letters::Filter;
use protean_core::port::imports::{
    Plan, Progress, State, Unsettled, correlation_id, correlation_prefix,
};
use protean_core::port::store::{Commit, Committed, Position, Refused};
use protean_core::{Lane, Priority};
use uuid::Uuid;

use crate::item::{self, claim, commit, ids, publication, publish, settlement, subscription};
use crate::{Fixture, ready};

/// An import of this name, whatever else it is.
pub(crate) fn plan(name: &str) -> Plan {
    Plan {
        name: name.to_owned(),
        source: "catalog.csv".to_owned(),
        digest: "0af7".to_owned(),
        arguments: "--command Change".to_owned(),
        priority: Priority::Bulk,
    }
}

fn progress(rows: u64) -> Progress {
    Progress {
        rows,
        accepted: rows - 3,
        duplicates: 1,
        rejected: 2,
        rejects_bytes: 10 * rows,
        last: Position(rows + 5),
    }
}

/// The command that a row of an import became.
fn command(name: &str, row: u64) -> Message {
    Message {
        kind: Kind::Command,
        causation_id: None,
        correlation_id: correlation_id(name, row, row + 1).into(),
        idempotency_key: Some(format!("{name}:{row}")),
        ..item::message(None, Priority::Bulk)
    }
}

async fn queued(tier: &Tier, name: &str) -> Vec<Unsettled> {
    let subscription = subscription("Handler");
    let found = tier.imports.queued(&subscription, name, None, 10).await;
    found.unwrap()
}

async fn withdraw(tier: &Tier, one: Unsettled) -> Result<Committed, Refused> {
    let settlement = Settlement {
        subscription: subscription("Handler"),
        lane: one.lane,
        place: one.place,
        position: one.position,
        verdict: Verdict::Withdrawn,
        handling: None,
    };
    let withdrawal = Commit {
        settlements: vec![settlement],
        ..Commit::default()
    };
    commit(tier, withdrawal).await
}

/// Whoever starts it again finds what it is and how far it is.
pub async fn an_import_goes_on_where_it_was(fixture: impl Fixture) {
    let (tier, other) = (ready(&fixture).await, fixture.open().await);
    assert_eq!(tier.imports.find("books").await.unwrap(), None);
    let (first, second) = (Uuid::now_v7(), Uuid::now_v7());
    let fresh = tier.imports.start(&plan("books"), first).await.unwrap();
    assert_eq!((fresh.plan, fresh.state), (plan("books"), State::Running));
    assert_eq!(fresh.progress, Progress::default());
    let state = tier.imports.advance("books", first, progress(500)).await;
    assert_eq!(state.unwrap(), Some(State::Running));
    let changed = Plan {
        digest: "ffff".to_owned(),
        ..plan("books")
    };
    let again = other.imports.start(&changed, second).await.unwrap();
    assert_eq!((again.plan, again.progress), (plan("books"), progress(500)));
    assert_eq!(again.started, fresh.started);
    assert!(again.updated >= fresh.updated);
    other.imports.start(&plan("films"), first).await.unwrap();
    other.imports.count_withdrawn("films", 7).await.unwrap();
    other.imports.count_withdrawn("films", 5).await.unwrap();
    let list = tier.imports.list(10).await.unwrap();
    let names: Vec<_> = list.iter().map(|one| one.plan.name.as_str()).collect();
    assert_eq!(names, ["films", "books"]);
    assert_eq!((list[0].withdrawn, list[1].withdrawn), (12, 0));
    assert_eq!(tier.imports.list(1).await.unwrap().len(), 1);
}

/// The right to run it ends with whoever has it.
pub async fn an_import_has_one_runner(fixture: impl Fixture) {
    let (tier, other) = (ready(&fixture).await, fixture.open().await);
    let held = tier.imports.hold("books").await.unwrap();
    assert!(held.is_some());
    assert!(other.imports.hold("books").await.unwrap().is_none());
    assert!(tier.imports.hold("books").await.unwrap().is_none());
    assert!(other.imports.hold("films").await.unwrap().is_some());
    drop(held);
    let deadline = std::time::Instant::now() + item::PATIENCE;
    while other.imports.hold("books").await.unwrap().is_none() {
        item::look_again(deadline, "it was not let go").await;
    }
}

/// A runner that lost its import to another one cannot turn it back.
pub async fn what_was_overtaken_writes_nothing(fixture: impl Fixture) {
    let tier = ready(&fixture).await;
    let (first, second) = (Uuid::now_v7(), Uuid::now_v7());
    tier.imports.start(&plan("books"), first).await.unwrap();
    tier.imports.start(&plan("books"), second).await.unwrap();
    for (runner, state) in [(second, Some(State::Running)), (first, None)] {
        let rows = if runner == first { 500 } else { 900 };
        let answer = tier.imports.advance("books", runner, progress(rows)).await;
        assert_eq!(answer.unwrap(), state);
    }
    let import = tier.imports.find("books").await.unwrap().unwrap();
    assert_eq!(import.progress, progress(900));
}

/// A runner hears what was asked; what is cancelled is not resumed.
pub async fn what_ended_stays_so(fixture: impl Fixture) {
    let (tier, other) = (ready(&fixture).await, fixture.open().await);
    let runner = Uuid::now_v7();
    let ask = |state| other.imports.ask("books", state);
    assert_eq!(ask(State::Paused).await.unwrap(), None);
    tier.imports.start(&plan("books"), runner).await.unwrap();
    let mut before = State::Running;
    for (asked, holds) in [
        (State::Paused, State::Paused),
        (State::Running, State::Running),
        (State::Cancelled, State::Cancelled),
        (State::Running, State::Cancelled),
        (State::Finished, State::Cancelled),
    ] {
        assert_eq!(ask(asked).await.unwrap(), Some(before));
        let heard = tier.imports.advance("books", runner, progress(9)).await;
        assert_eq!(heard.unwrap(), Some(holds));
        before = holds;
    }
}

/// Whether it was handed out before, or not.
pub async fn a_withdrawn_command_is_handled_by_nobody(fixture: impl Fixture) {
    let tier = ready(&fixture).await;
    let commands: Vec<Message> = (1..=6).map(|row| command("books", row)).collect();
    publish(&tier, &commands).await;
    publish(&tier, &[command("films", 1), command("bookshop", 1)]).await;
    let mut held = claim(&tier, "Handler").await;
    let taken = held.take(Lane::Backfill, 2).await;
    let all = queued(&tier, "books").await;
    assert_eq!(all.len(), 6);
    assert!(all.iter().all(|one| one.lane == Lane::Backfill));
    let rest = tier
        .imports
        .queued(&subscription("Handler"), "books", Some(all[3].place), 10)
        .await
        .unwrap();
    assert_eq!(rest, all[4..]);
    for one in all {
        let withdrawn = withdraw(&tier, one).await.unwrap();
        assert_eq!(
            withdrawn,
            Committed::Done {
                position: None,
                along: false
            }
        );
    }
    for delivery in &taken {
        let late = commit(&tier, settlement("Handler", delivery, Verdict::Done)).await;
        assert!(matches!(late, Err(Refused::Settled)), "{late:?}");
    }
    held.settled(&taken).await;
    let others = held.take(Lane::Backfill, 2).await;
    let of = |one: &protean_core::port::broker::Delivery| one.message.correlation_id.to_string();
    let others: Vec<_> = others.iter().map(of).collect();
    assert_eq!(others, ["import:films:1:2", "import:bookshop:1:2"]);
    assert!(queued(&tier, "books").await.is_empty());
}

/// What was handled first is not withdrawn.
pub async fn a_command_is_handled_or_withdrawn(fixture: impl Fixture) {
    let tier = ready(&fixture).await;
    publish(&tier, &[command("books", 1), command("books", 2)]).await;
    let mut held = claim(&tier, "Handler").await;
    let taken = held.take(Lane::Backfill, 2).await;
    let found = queued(&tier, "books").await;
    commit(&tier, settlement("Handler", &taken[0], Verdict::Done))
        .await
        .unwrap();
    let late = withdraw(&tier, found[0]).await;
    assert!(matches!(late, Err(Refused::Settled)), "{late:?}");
    withdraw(&tier, found[1]).await.unwrap();
}

/// So the same row may be imported again, while that of one that was handled may not.
pub async fn a_withdrawn_command_frees_its_key(fixture: impl Fixture) {
    let tier = ready(&fixture).await;
    let commands = [command("books", 1), command("books", 2)];
    publish(&tier, &commands).await;
    let found = queued(&tier, "books").await;
    withdraw(&tier, found[0]).await.unwrap();
    let again = commit(&tier, publication(&[command("books", 1)])).await;
    assert!(matches!(again, Ok(Committed::Done { .. })), "{again:?}");
    let again = commit(&tier, publication(&[command("books", 2)])).await;
    let known = matches!(again, Ok(Committed::Duplicate { id, .. }) if id == commands[1].id);
    assert!(known, "{again:?}");
}

/// Whoever waits for another try is withdrawn, too.
pub async fn a_command_set_aside_is_withdrawn(fixture: impl Fixture) {
    let tier = ready(&fixture).await;
    publish(&tier, &[command("books", 1), command("films", 1)]).await;
    let mut held = claim(&tier, "Handler").await;
    for delivery in held.take(Lane::Backfill, 2).await {
        let parking = Verdict::Park(Parking {
            due: Some(jiff::Timestamp::now()),
            failures: 1,
            failed_first: Some(jiff::Timestamp::now()),
            error: "not yet".to_owned(),
        });
        let parked = commit(&tier, settlement("Handler", &delivery, parking)).await;
        parked.unwrap();
    }
    let aside = held.take_parked(Lane::Backfill, 2).await;
    let found = tier
        .imports
        .parked(&subscription("Handler"), "books", 10)
        .await
        .unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].place, found[0].lane),
        (Place::Parked, Lane::Backfill)
    );
    assert_eq!(found[0].position, aside[0].position);
    withdraw(&tier, found[0]).await.unwrap();
    assert!(withdraw(&tier, found[0]).await.is_err());
    assert_eq!(held.parked(Lane::Backfill, None).await.len(), 1);
}

/// An effect is not torn from what follows from it.
pub async fn what_commands_caused_is_not_withdrawn(fixture: impl Fixture) {
    let tier = ready(&fixture).await;
    let follow_on = Message {
        causation_id: Some(Uuid::now_v7()),
        ..command("books", 1)
    };
    let event = Message {
        kind: Kind::Event,
        idempotency_key: None,
        ..command("books", 2)
    };
    publish(&tier, &[follow_on, event, command("books", 3)]).await;
    assert_eq!(queued(&tier, "books").await.len(), 1);
}

/// Commands, then the events they caused, then all of it.
pub async fn a_trail_ends_when_all_that_was_caused_is_settled(fixture: impl Fixture) {
    let tier = ready(&fixture).await;
    let subscriptions = [subscription("Handler"), subscription("Projector")];
    let published = commit(&tier, publication(&[command("books", 1)])).await;
    let Ok(Committed::Done {
        position: Some(last),
        ..
    }) = published
    else {
        panic!("{published:?}");
    };
    let trail = |upto| tier.imports.trail(&subscriptions, "books", upto);
    let mut handler = claim(&tier, "Handler").await;
    let mut projector = claim(&tier, "Projector").await;
    let command_taken = handler.take(Lane::Backfill, 1).await;
    assert!(!trail(last).await.unwrap().is_settled);
    let event = Message {
        kind: Kind::Event,
        causation_id: Some(command_taken[0].message.id),
        idempotency_key: None,
        ..command("books", 1)
    };
    let mut handling = settlement("Handler", &command_taken[0], Verdict::Done);
    handling.messages = vec![(Lane::Backfill, event.clone())];
    commit(&tier, handling).await.unwrap();
    assert!(!trail(last).await.unwrap().is_settled);
    for delivery in projector.take(Lane::Backfill, 2).await {
        commit(&tier, settlement("Projector", &delivery, Verdict::Done))
            .await
            .unwrap();
    }
    let seen = trail(last).await.unwrap();
    assert!(seen.is_settled);
    let beyond = seen.beyond.unwrap();
    assert!(beyond > last);
    assert!(!trail(beyond).await.unwrap().is_settled);
    let event_taken = handler.take(Lane::Backfill, 1).await;
    assert_eq!(ids(&event_taken), [event.id]);
    let parking = Verdict::Park(Parking {
        due: Some(jiff::Timestamp::now()),
        failures: 1,
        failed_first: Some(jiff::Timestamp::now()),
        error: "not yet".to_owned(),
    });
    commit(&tier, settlement("Handler", &event_taken[0], parking))
        .await
        .unwrap();
    assert!(!trail(beyond).await.unwrap().is_settled);
    let aside = handler.take_parked(Lane::Backfill, 1).await;
    let aside = handler
        .fetch_parked(Lane::Backfill, aside[0].position)
        .await;
    commit(&tier, settlement("Handler", &aside.unwrap(), Verdict::Done))
        .await
        .unwrap();
    let end = trail(beyond).await.unwrap();
    assert_eq!((end.is_settled, end.beyond), (true, None));
}

/// Those of another import are not.
pub async fn failures_of_an_import_are_found(fixture: impl Fixture) {
    let tier = ready(&fixture).await;
    publish(&tier, &[command("books", 4), command("films", 1)]).await;
    let mut held = claim(&tier, "Handler").await;
    for delivery in held.take(Lane::Backfill, 2).await {
        let death = Verdict::Dead(Death {
            attempts: 1,
            failed_first: jiff::Timestamp::now(),
            failed_last: jiff::Timestamp::now(),
            error: "no".to_owned(),
        });
        commit(&tier, settlement("Handler", &delivery, death))
            .await
            .unwrap();
    }
    let filter = Filter {
        correlation_prefix: Some(correlation_prefix("books")),
        ..Filter::default()
    };
    let found = tier.dead_letters.list(&filter, 10).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(&*found[0].message.correlation_id, "import:books:4:5");
    assert_eq!(tier.dead_letters.replay(&filter).await.unwrap(), 1);
    assert_eq!(tier.dead_letters.purge(&filter).await.unwrap(), 0);
    let all = tier.dead_letters.list(&Filter::default(), 10).await;
    assert_eq!(all.unwrap().len(), 1);
}
