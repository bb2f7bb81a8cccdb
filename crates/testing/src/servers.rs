//! The servers that are alive.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use protean_core::port::Tier;
use protean_core::port::servers::{LeftAlone, SILENCE_MAX, Served, Server};
use uuid::Uuid;

use crate::{Fixture, ready};

/// A server that was started so many seconds after the first.
fn server(second: i64) -> Server {
    let part = |name: &str, left_alone| Served {
        name: name.into(),
        stream: "suite::item".into(),
        left_alone,
    };
    let since = Timestamp::UNIX_EPOCH + SignedDuration::from_secs(70);
    let left_alone = LeftAlone {
        since,
        probe: Some(since + SignedDuration::from_millis(1_500)),
    };
    Server {
        id: Uuid::now_v7(),
        host: "counter".to_owned(),
        pid: 4_000_000_000,
        worker: 2,
        started: Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second),
        draining: false,
        parts: vec![part("Handler", None), part("Other", Some(left_alone))],
    }
}

async fn tell(tier: &Tier, server: &Server) {
    tier.servers.tell(server).await.unwrap();
}

/// Those that are alive, none of which was silent for long.
async fn alive(tier: &Tier) -> Vec<Server> {
    let all = tier.servers.alive().await.unwrap();
    for one in &all {
        assert!(one.seen <= SILENCE_MAX, "{one:?}");
    }
    all.into_iter().map(|one| one.server).collect()
}

/// A process that only looks is none.
pub async fn nobody_serves_at_first(fixture: impl Fixture) {
    let tier = ready(&fixture).await;
    assert_eq!(alive(&tier).await, []);
}

/// All of it, in the order in which they were started, and what is told later replaces it, be it
/// longer or shorter.
pub async fn what_servers_tell_every_process_sees(fixture: impl Fixture) {
    let (tier, other) = (ready(&fixture).await, fixture.open().await);
    let (mut first, second) = (server(1), server(2));
    tell(&other, &second).await;
    tell(&tier, &first).await;
    for tier in [&tier, &other] {
        assert_eq!(alive(tier).await, [first.clone(), second.clone()]);
    }
    for parts in [0, 9] {
        first.draining = true;
        first.parts = vec![second.parts[1].clone(); parts];
        tell(&tier, &first).await;
        assert_eq!(alive(&other).await, [first.clone(), second.clone()]);
    }
}

/// At once, and nobody else with it.
pub async fn who_says_goodbye_is_gone(fixture: impl Fixture) {
    let (tier, other) = (ready(&fixture).await, fixture.open().await);
    let (first, second) = (server(1), server(2));
    tell(&tier, &first).await;
    tell(&other, &second).await;
    tier.servers.leave(first.id).await.unwrap();
    assert_eq!(alive(&other).await, [second]);
}

/// Within seconds, although nobody says goodbye, and whoever goes on telling stays.
pub async fn who_dies_is_gone_soon(fixture: impl Fixture) {
    let (tier, other) = (ready(&fixture).await, fixture.open().await);
    let (first, second) = (server(1), server(2));
    tell(&other, &second).await;
    tell(&tier, &first).await;
    drop(tier);
    let died = Instant::now();
    while alive(&other).await != [second.clone()] {
        assert!(died.elapsed() < 2 * SILENCE_MAX, "it is not gone");
        tell(&other, &second).await;
        // sleep: between two looks at what only time does
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
