//! L10: a failing message holds nothing up.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use protean::port::dead_letters::{DeadLetter, Filter};
use protean::port::servers::LeftAlone;
use protean::port::store::Commit;
use protean::stall::Cause;
use protean::{Lane, Priority};

use crate::shop::{Behaviour, PATIENCE, ThingId, World};
use crate::watched::until_stalled;

async fn dead(world: &World) -> Vec<DeadLetter> {
    world
        .app
        .tier()
        .dead_letters
        .list(&Filter::default(), 100)
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn l10_poison_is_retried_and_given_up_without_holding_anything() {
    for (priority, lane) in [
        (Priority::Normal, Lane::Primary),
        (Priority::Bulk, Lane::Backfill),
    ] {
        let world = World::new().await;
        world.probe.on("poison", Behaviour::Fail(u32::MAX));
        world.touch(ThingId::new(), "poison", priority).await;
        let labels = (0..100).map(|nth| format!("{nth}"));
        world.touch_all(labels, priority).await;
        let engine = world.engine();
        world.settled().await;
        let log = world.probe.log();
        let tries = log.iter().filter(|label| *label == "poison").count();
        assert_eq!((tries, log.len()), (3, 103));
        let last_try = log.iter().rposition(|label| label == "poison").unwrap();
        let behind = log[last_try..].len() - 1;
        assert!(
            behind < 50,
            "{behind} messages waited for the last try: {log:?}"
        );

        let letters = dead(&world).await;
        assert_eq!(letters.len(), 1);
        assert_eq!(letters[0].error, "poison failed for now");
        assert_eq!((letters[0].attempts, letters[0].lane), (3, lane));
        assert_eq!(&*letters[0].subscription.name, "ThingCommandHandler");
        assert!(letters[0].failed_first < letters[0].failed_last);
        engine.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn l10_a_refusal_and_a_panic_cost_only_their_message() {
    let world = World::new().await;
    world.probe.on("refused", Behaviour::Refuse);
    world.probe.on("panic", Behaviour::Panic);
    for label in ["refused", "panic", "fine"] {
        world.touch(ThingId::new(), label, Priority::Bulk).await;
    }
    let engine = world.engine();
    world.settled().await;
    let mut letters: Vec<_> = dead(&world)
        .await
        .into_iter()
        .map(|letter| (letter.attempts, letter.error))
        .collect();
    letters.sort();
    let expected = [
        (1, "[PE0110] refused is unsellable".to_owned()),
        (
            3,
            "[PE0302] the handler panicked: panic made the handler panic".to_owned(),
        ),
    ];
    assert_eq!(letters, expected);
    engine.stop().await;
}

/// For how long no message is tried when a handler is left alone, at least.
const LEFT_ALONE: Duration = Duration::from_millis(500);

#[tokio::test(flavor = "multi_thread")]
async fn l10_a_handler_that_fails_for_everything_is_left_alone_until_it_works() {
    let world = World::new().await;
    world.probe.on("down", Behaviour::Fail(u32::MAX));
    let engine = world.engine();
    let begun = Instant::now();
    let mut longest = Duration::ZERO;
    while longest < LEFT_ALONE {
        assert!(begun.elapsed() < PATIENCE, "every message is used up");
        let tries = world.probe.log().len();
        world.touch(ThingId::new(), "down", Priority::Normal).await;
        let asked = Instant::now();
        world.probe.until(|log| log.len() > tries).await;
        longest = longest.max(asked.elapsed());
    }
    let given_up = dead(&world).await.len();
    let labels = (0..50).map(|_| "down".to_owned());
    world.touch_all(labels, Priority::Bulk).await;
    world.probe.forget("down");
    world.settled().await;
    let lost = dead(&world).await.len() - given_up;
    assert!(lost <= 1, "{lost} messages were used up to find out");
    engine.stop().await;
}

/// Just long enough that a breaker opens with the second tries of these messages, and not before:
/// it takes five different ones and ten failures. Then each of them has one try left.
const RETRIES: &str = "[server]
stall_after = 0.6
[server.subscriptions.ThingCommandHandler]
max_retries = 3
retry_delay_seconds = 0.6
";
const MESSAGES: usize = 5;

/// How the things stand as the only server tells it; `None` while they are not left alone.
async fn left_alone(world: &World) -> Option<LeftAlone> {
    let alive = world.app.tier().servers.alive().await.unwrap();
    let parts = alive.into_iter().flat_map(|one| one.server.parts);
    let mut things = parts.filter(|part| &*part.name == "ThingCommandHandler");
    things.next()?.left_alone
}

/// Waits until they are left alone, or are not any more.
async fn until_left_alone(world: &World, wanted: bool) {
    let wait = async {
        while left_alone(world).await.is_some() != wanted {
            // sleep: between two looks at a condition that has no signal
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let waited = tokio::time::timeout(PATIENCE, wait).await;
    assert!(waited.is_ok(), "left alone: expected {wanted}");
}

#[tokio::test(flavor = "multi_thread")]
async fn l10_no_outage_is_long_enough_to_use_a_message_up() {
    let world = World::with(RETRIES).await;
    world.probe.on("down", Behaviour::Fail(u32::MAX));
    let labels = (0..MESSAGES).map(|_| "down".to_owned());
    world.touch_all(labels, Priority::Bulk).await;
    let engine = world.engine();
    until_left_alone(&world, true).await;
    let known = left_alone(&world).await.unwrap();
    assert!(known.since <= Timestamp::now(), "{known:?}");
    until_stalled(&engine.monitor, Some(Cause::LeftAlone)).await;
    let series = "protean_subscription_left_alone{stream=\"shop::thing:command\",\
                  subscription=\"ThingCommandHandler\"} ";
    let text = engine.monitor.text().await.unwrap();
    assert!(text.contains(&format!("{series}1\n")), "{text}");
    let probes = 2;
    let all = 2 * MESSAGES + probes;
    world.probe.until(|log| log.len() >= all).await;
    world.probe.forget("down");
    world.settled().await;
    assert!(dead(&world).await.is_empty(), "a probe was somebody's try");
    until_left_alone(&world, false).await;
    let text = engine.monitor.text().await.unwrap();
    assert!(text.contains(&format!("{series}0\n")), "{text}");
    engine.stop().await;
    let alive = world.app.tier().servers.alive().await.unwrap();
    assert!(alive.is_empty(), "a server that stopped said goodbye");
}

#[tokio::test(flavor = "multi_thread")]
async fn l10_an_undecodable_payload_goes_to_the_dead_letters() {
    let world = World::new().await;
    let thing = ThingId::new();
    world.touch(thing, "before", Priority::Normal).await;
    let read = world.app.tier().log.read(
        "shop::thing:command",
        None,
        protean::port::store::Position(0),
        1,
    );
    let mut broken = (*read.await.unwrap()[0].message).clone();
    broken.id = ThingId::new().uuid();
    broken.data = "{\"label\":7}".to_owned();
    let commit = Commit {
        messages: vec![(Lane::Primary, broken)],
        ..Commit::default()
    };
    world
        .app
        .tier()
        .store
        .commit(Lane::Primary, vec![commit])
        .await
        .pop()
        .unwrap()
        .unwrap();
    world.touch(thing, "after", Priority::Normal).await;
    let engine = world.engine();
    world.settled().await;
    assert_eq!(world.summary(thing).await.labels, "-before-after-");
    let letters = dead(&world).await;
    assert_eq!(letters.len(), 1);
    assert!(
        letters[0]
            .error
            .starts_with("[PE0114] undecodable payload: Touch:"),
        "{letters:?}"
    );
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mended_message_is_replayed_once_on_its_own_lane() {
    let world = World::new().await;
    world.probe.on("poison", Behaviour::Refuse);
    let thing = ThingId::new();
    world.touch(thing, "poison", Priority::Bulk).await;
    let engine = world.engine();
    world
        .until_backlogs(|backlogs| backlogs[0][1].dead == 1 && backlogs[0][1].lag == 0)
        .await;
    world.probe.forget("poison");
    let replayed = world
        .app
        .tier()
        .dead_letters
        .replay(&Filter::default())
        .await
        .unwrap();
    assert_eq!(replayed, 1);
    world.probe.until(|log| log.len() == 2).await;
    world.settled().await;
    assert_eq!(world.summary(thing).await.labels, "-poison-");
    assert!(dead(&world).await.is_empty());
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_survive_a_restart() {
    let world = World::with("").await;
    world.probe.on("poison", Behaviour::Fail(u32::MAX));
    world
        .touch(ThingId::new(), "poison", Priority::Normal)
        .await;
    let engine = world.engine();
    world
        .until_backlogs(|backlogs| backlogs[0][0].pending == 1)
        .await;
    engine.stop().await;
    let engine = world.engine();
    world.settled().await;
    assert_eq!(dead(&world).await[0].attempts, 3);
    assert_eq!(world.probe.log().len(), 3);
    engine.stop().await;
}
