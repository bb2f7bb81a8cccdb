//! Priority, causation and idempotency: what a message inherits and how often it counts.

use protean::app::{Error, Submission};
use protean::domain::Prepared;
use protean::port::log::Entry;
use protean::port::store::Position;
use protean::{Lane, Priority, priority, traceparent};

use crate::shop::{Thing, ThingId, Touch, World};

async fn entries(world: &World, stream: &str) -> Vec<Entry> {
    world
        .app
        .tier()
        .log
        .read(stream, None, Position(0), 100)
        .await
        .unwrap()
}

/// Waits until the note of a command was handled, and everything else.
async fn remembered(world: &World) {
    let is_there = |log: &[String]| log.contains(&"remember".to_owned());
    world.probe.until(is_there).await;
    world.settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_a_bulk_command_causes_stays_on_the_backfill_lane() {
    let world = World::new().await;
    world
        .touch(ThingId::new(), "note:remember", Priority::Low)
        .await;
    let engine = world.engine();
    remembered(&world).await;
    let mut parents = Vec::new();
    for stream in [
        "shop::thing:command",
        "shop::thing",
        "shop::note:command",
        "shop::note",
    ] {
        let entry = entries(&world, stream).await.remove(0);
        assert_eq!(entry.lane, Some(Lane::Backfill), "{stream}");
        assert_eq!(entry.message.priority, Priority::Low, "{stream}");
        assert_eq!(
            entry.message.causation_id,
            parents.last().copied(),
            "{stream}"
        );
        parents.push(entry.message.id);
    }
    let command = &entries(&world, "shop::thing:command").await[0].message;
    let trace = world
        .app
        .tier()
        .log
        .trace(&command.correlation_id, 100)
        .await
        .unwrap();
    assert_eq!(trace.len(), 4);
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_goes_on_in_everything_that_a_command_causes_though_nobody_collects_spans() {
    let given = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let world = World::new().await;
    let touch = world.touch(ThingId::new(), "note:remember", Priority::Normal);
    traceparent::scope(Some(given), touch).await;
    let engine = world.engine();
    remembered(&world).await;
    engine.stop().await;
    for stream in [
        "shop::thing:command",
        "shop::thing",
        "shop::note:command",
        "shop::note",
    ] {
        let message = &entries(&world, stream).await[0].message;
        assert_eq!(message.traceparent.as_deref(), Some(given), "{stream}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_nearest_word_about_priority_wins() {
    let world = World::new().await;
    let touch = |label: &str| Touch {
        thing_id: ThingId::new(),
        label: label.to_owned(),
    };
    let bulk = world.app.with_priority(Priority::Bulk);
    world.app.process(touch("nothing said")).await.unwrap();
    bulk.process(touch("handle")).await.unwrap();
    bulk.process(touch("explicit"))
        .priority(Priority::High)
        .await
        .unwrap();
    priority::scope(Priority::Low, async {
        world.app.process(touch("scope")).await.unwrap();
        world
            .app
            .process(touch("in scope"))
            .priority(Priority::new(7))
            .await
            .unwrap();
    })
    .await;
    world.app.process(touch("after")).await.unwrap();
    let found: Vec<i32> = entries(&world, "shop::thing:command")
        .await
        .iter()
        .map(|entry| entry.message.priority.value())
        .collect();
    assert_eq!(found, [0, -100, 50, -50, 7, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_with_a_known_key_is_accepted_once() {
    let world = World::new().await;
    let touch = || Touch {
        thing_id: ThingId::new(),
        label: "once".to_owned(),
    };
    let first = world
        .app
        .process(touch())
        .idempotency_key("row 1")
        .await
        .unwrap();
    let second = world
        .app
        .process(touch())
        .idempotency_key("row 1")
        .await
        .unwrap();
    let other = world
        .app
        .process(touch())
        .idempotency_key("row 2")
        .await
        .unwrap();
    assert!(!first.duplicate && second.duplicate && !other.duplicate);
    assert_eq!(first.command_id, second.command_id);
    assert_eq!(entries(&world, "shop::thing:command").await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_breaks_its_rules_is_refused_and_not_stored() {
    let world = World::new().await;
    let touch = Touch {
        thing_id: ThingId::new(),
        label: "x".repeat(41),
    };
    let error = world.app.process(touch).await.unwrap_err();
    let Error::Invalid(invalid) = &error else {
        panic!("found {error:?}")
    };
    assert_eq!(
        invalid.fields()["label"],
        ["must have at most 40 characters, found 41".to_owned()]
    );
    assert!(entries(&world, "shop::thing:command").await.is_empty());
}

/// Commands of two rows, made ready by name.
fn by_name(world: &World, thing_id: ThingId) -> Vec<Submission<Prepared>> {
    let touch = world.app.registry().command_named("Touch").unwrap();
    let labels = ["one", "two"].into_iter();
    let prepared = labels.map(|label| {
        let json = format!(r#"{{"thing_id":"{thing_id}","label":"{label}"}}"#);
        Submission::new(touch.prepare(&json).unwrap())
            .priority(Priority::Bulk)
            .idempotency_key(label)
    });
    prepared.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_prepared_by_name_are_accepted_like_any_other() {
    for settings in ["", "command_processing = \"sync\"\n"] {
        let world = World::with(settings).await;
        let thing_id = ThingId::new();
        for expected in [[false, false], [true, true]] {
            let submissions = by_name(&world, thing_id);
            let receipts = world.app.process_prepared(submissions).await.into_iter();
            let duplicates: Vec<_> = receipts.map(|one| one.unwrap().duplicate).collect();
            assert_eq!(duplicates, expected, "{settings}");
        }
        let engine = world.engine();
        world.settled().await;
        assert_eq!(world.summary(thing_id).await.count, 2, "{settings}");
        let commands = entries(&world, "shop::thing:command").await;
        let keys: Vec<_> = commands.iter().map(|one| one.message.key.clone()).collect();
        assert_eq!(keys, vec![Some(thing_id.to_string()); 2], "{settings}");
        assert_eq!(commands[0].message.priority, Priority::Bulk, "{settings}");
        engine.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inline_command_answers_with_its_handlers_reply() {
    let world = World::new().await;
    let thing_id = ThingId::new();
    for expected in 1..=2 {
        let touch = Touch {
            thing_id,
            label: "inline".to_owned(),
        };
        assert_eq!(world.app.process(touch).inline().await.unwrap(), expected);
    }
    let commands = entries(&world, "shop::thing:command").await;
    assert_eq!(
        commands.iter().map(|entry| entry.lane).collect::<Vec<_>>(),
        [None, None]
    );
    assert_eq!(
        world.backlogs().await[0][0].lag,
        0,
        "what was handled inline is not delivered"
    );
    let engine = world.engine();
    world.settled().await;
    assert_eq!(world.summary(thing_id).await.count, 2);
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_sync_processing_everything_happens_in_one_commit() {
    let world = World::with("command_processing = \"sync\"\nevent_processing = \"sync\"").await;
    let thing_id = ThingId::new();
    world.touch(thing_id, "note:now", Priority::Bulk).await;
    assert_eq!(world.summary(thing_id).await.count, 1);
    assert_eq!(world.probe.log(), ["note:now", "now"]);
    assert!(
        world
            .backlogs()
            .await
            .iter()
            .flatten()
            .all(|lane| lane.lag == 0)
    );
    let thing = entries(&world, &format!("shop::thing-{thing_id}")).await;
    assert_eq!(thing[0].message.sequence_id.as_deref(), Some("0.1"));
    let stored = protean::schema::Record::from_row(
        world
            .app
            .tier()
            .store
            .load(
                Lane::Primary,
                <Thing as protean::schema::Record>::SCHEMA,
                &protean::schema::FieldType::to_value(&thing_id),
            )
            .await
            .unwrap()
            .expect("it is stored")
            .row,
    );
    let stored: Thing = stored.unwrap();
    assert_eq!((stored.count, stored.label.as_str()), (1, "note:now"));
}
