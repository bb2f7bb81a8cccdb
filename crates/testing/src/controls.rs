//! What operators ask of backfill lanes.

use std::collections::BTreeMap;

use protean_core::config::CrossLaneOrder;
use protean_core::port::Tier;
use protean_core::throttle::{Rate, Throttle, Throttles};

use crate::item::{SCHEMAS, claim, subscription};
use crate::{Fixture, ready};

fn limited(rate: f64) -> Throttle {
    Throttle::Limited(Rate::per_second(rate).unwrap())
}

async fn throttles(tier: &Tier) -> Throttles {
    tier.controls.throttles().await.unwrap()
}

async fn throttle(tier: &Tier, subscription: Option<&str>, asked: Throttle) -> Throttle {
    let before = tier.controls.throttle(subscription, asked).await;
    before.unwrap()
}

/// A lane of which nothing was asked runs.
pub async fn nothing_is_asked_at_first(fixture: impl Fixture) {
    let tier = ready(&fixture).await;
    assert_eq!(throttles(&tier).await, Throttles::default());
}

/// Each change answers with what was asked before, and every process sees it.
pub async fn what_is_asked_holds_until_something_else_is(fixture: impl Fixture) {
    let (tier, other) = (ready(&fixture).await, fixture.open().await);
    for name in [None, Some("Handler")] {
        let mut before = Throttle::Running;
        for asked in [
            Throttle::Paused,
            Throttle::Paused,
            limited(500.0),
            limited(0.5),
            Throttle::Paused,
            Throttle::Running,
            Throttle::Running,
        ] {
            assert_eq!(throttle(&tier, name, asked).await, before);
            before = asked;
            let seen = throttles(&other).await;
            let of_name = name.map_or(seen.domain, |name| seen.asked_of(name));
            assert_eq!(of_name, asked);
        }
    }
}

/// Neither does it matter to other subscriptions.
pub async fn domain_and_subscriptions_are_asked_apart(fixture: impl Fixture) {
    let tier = ready(&fixture).await;
    throttle(&tier, None, limited(9.5)).await;
    throttle(&tier, Some("Still"), Throttle::Paused).await;
    throttle(&tier, Some("Slow"), limited(3.0)).await;
    let seen = throttles(&tier).await;
    assert_eq!(seen.domain, limited(9.5));
    let subscriptions = BTreeMap::from([
        ("Slow".to_owned(), limited(3.0)),
        ("Still".to_owned(), Throttle::Paused),
    ]);
    assert_eq!(seen.subscriptions, subscriptions);
    throttle(&tier, None, Throttle::Running).await;
    let seen = throttles(&tier).await;
    assert_eq!(seen.domain, Throttle::Running);
    assert_eq!(seen.subscriptions, subscriptions);
}

/// It is in the store, not in a process.
pub async fn what_is_asked_outlives_who_asked(fixture: impl Fixture) {
    let tier = ready(&fixture).await;
    throttle(&tier, Some("Handler"), limited(0.25)).await;
    drop(tier);
    let tier = ready(&fixture).await;
    assert_eq!(throttles(&tier).await.asked_of("Handler"), limited(0.25));
}

/// A rate is meant for all processes together, so they have to know how many they are: where two
/// take part in a subscription, there are two parts.
pub async fn parts_in_subscriptions_are_counted(fixture: impl Fixture) {
    let tier = ready(&fixture).await;
    throttle(&tier, None, limited(10.0)).await;
    let _one = claim(&tier, "Handler").await;
    let one = throttles(&tier).await.parts;
    let other = fixture.open().await;
    let subscription = subscription("Handler");
    let shared = other
        .broker
        .claim(&subscription, CrossLaneOrder::None)
        .await
        .unwrap();
    let expected = if shared.is_some() { (1, 2) } else { (0, 0) };
    assert_eq!((one, throttles(&tier).await.parts), expected);
}

/// With everything else.
pub async fn a_truncation_asks_nothing(fixture: impl Fixture) {
    let tier = ready(&fixture).await;
    throttle(&tier, None, Throttle::Paused).await;
    tier.tables.truncate_all(SCHEMAS).await.unwrap();
    assert_eq!(throttles(&tier).await, Throttles::default());
}
