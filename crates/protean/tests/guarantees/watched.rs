//! What an engine tells whoever watches it (L6).

use std::time::Duration;

use protean::stall::Cause;
use protean::throttle::Throttle;
use protean::{Monitor, Priority};

use crate::shop::{Behaviour, PATIENCE, ThingId, World};

/// Shorter than a minute, so that a test can wait for it.
const IMPATIENT: &str = "[server]\nstall_after = 0.6\n";

/// Waits until backfill of the things is stalled for this cause, or not at all.
pub async fn until_stalled(monitor: &Monitor, wanted: Option<Cause>) {
    let stalled = || {
        let stalls = monitor.stalls();
        let of_things = |(one, stall): &(&protean::port::broker::Subscription, _)| {
            let stall: &protean::stall::Stall = stall;
            (&*one.name == "ThingCommandHandler").then_some(stall.cause)
        };
        stalls.iter().find_map(of_things)
    };
    let wait = async {
        while stalled() != wanted {
            // sleep: between two looks at a condition that has no signal
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let waited = tokio::time::timeout(PATIENCE, wait).await;
    assert!(waited.is_ok(), "expected {wanted:?}, found {:?}", stalled());
}

#[tokio::test(flavor = "multi_thread")]
async fn l6_backfill_that_an_operator_paused_is_told_until_it_moves() {
    let world = World::with(IMPATIENT).await;
    let controls = &world.app.tier().controls;
    controls.throttle(None, Throttle::Paused).await.unwrap();
    world
        .touch_all((0..5).map(|nth| nth.to_string()), Priority::Bulk)
        .await;
    let engine = world.engine();
    until_stalled(&engine.monitor, Some(Cause::Paused)).await;
    let text = engine.monitor.text().await.unwrap();
    let series = "protean_backfill_stalled_seconds{cause=\"paused\",stream=\"shop::thing:command\"";
    assert!(text.contains(series), "{text}");
    controls.throttle(None, Throttle::Running).await.unwrap();
    until_stalled(&engine.monitor, None).await;
    world.settled().await;
    assert!(!engine.monitor.text().await.unwrap().contains(series));
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn l6_what_waits_behind_a_message_that_is_set_aside_is_told_and_so_is_a_standby() {
    let patient = "[server.subscriptions.ThingCommandHandler]\nretry_delay_seconds = 60\n";
    let world = World::with(&format!("{IMPATIENT}{patient}")).await;
    world.probe.on("poison", Behaviour::Fail(1));
    let thing = ThingId::new();
    for label in ["poison", "behind"] {
        world.touch(thing, label, Priority::Bulk).await;
    }
    let engine = world.engine();
    until_stalled(&engine.monitor, Some(Cause::SetAside)).await;
    let standby = world.again().await.engine();
    until_stalled(&standby.monitor, Some(Cause::HeldElsewhere)).await;
    for engine in [engine, standby] {
        engine.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_handled_tried_again_and_given_up_is_counted_where_it_came_from() {
    let world = World::new().await;
    world.probe.on("late", Behaviour::Fail(1));
    world.probe.on("never", Behaviour::Refuse);
    world
        .touch_all((0..7).map(|nth| nth.to_string()), Priority::Bulk)
        .await;
    for label in ["late", "never"] {
        world.touch(ThingId::new(), label, Priority::Normal).await;
    }
    let engine = world.engine();
    world.settled().await;
    engine.monitor.ready().await.unwrap();
    let text = engine.monitor.text().await.unwrap();
    let lines = text.lines().map(|line| Ok(line.to_owned()));
    let scrape = prometheus_parse::Scrape::parse(lines).unwrap();
    let of = |name: &str, lane: &str| {
        let sample = scrape.samples.iter().find(|sample| {
            sample.metric == name
                && sample.labels.get("lane") == Some(lane)
                && sample.labels.get("subscription") == Some("ThingCommandHandler")
        });
        match &sample.unwrap_or_else(|| panic!("no {name}")).value {
            prometheus_parse::Value::Counter(value) | prometheus_parse::Value::Gauge(value) => {
                *value
            }
            prometheus_parse::Value::Histogram(buckets) => buckets.last().unwrap().count,
            other => panic!("{other:?}"),
        }
    };
    for (name, primary, backfill) in [
        ("protean_messages_handled_total", 1.0, 7.0),
        ("protean_messages_failed_total", 2.0, 0.0),
        ("protean_messages_retried_total", 1.0, 0.0),
        ("protean_messages_dead_lettered_total", 1.0, 0.0),
        ("protean_message_sojourn_seconds", 2.0, 7.0),
        ("protean_handler_duration_seconds", 3.0, 7.0),
        ("protean_lag_messages", 0.0, 0.0),
        ("protean_dead_letters", 1.0, 0.0),
    ] {
        assert_eq!(
            (of(name, "primary"), of(name, "backfill")),
            (primary, backfill),
            "{name}"
        );
    }
    let monitor = engine.monitor.clone();
    engine.stop().await;
    let error = monitor.ready().await.unwrap_err().to_string();
    assert_eq!(error, "[PE0950] the engine does not run");
}
