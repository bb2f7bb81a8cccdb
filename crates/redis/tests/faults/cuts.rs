//! The network breaks at random instants.

use std::time::Duration;

use protean_core::port::Tier;
use protean_redis::Options;
use protean_services::redis::Persistence;
use protean_services::{Proxy, rewrite};

use crate::engine::{Engine, at_random};
use crate::rig::{Rig, attend, open, publish_both};

/// Messages of each lane.
const MESSAGES: u64 = 600;

/// How often connections are cut, and how far apart at most.
const CUTS: u64 = 20;
const APART: Duration = Duration::from_millis(250);

/// A proxy in front of what a URI names, and the URI that leads through it.
pub(crate) fn through(uri: &str) -> (Proxy, String) {
    let authority = uri.split("://").nth(1).unwrap();
    let authority = authority.rsplit('@').next().unwrap();
    let address = authority.split('/').next().unwrap();
    let proxy = Proxy::start(address.parse().unwrap()).unwrap();
    let uri = rewrite(uri, proxy.address());
    (proxy, uri)
}

/// Publishes through one tier and handles through two others, whose connections are cut.
async fn survives(mut rig: Rig, proxy: Proxy, open: impl Fn() -> Tier) {
    let publisher = rig.tier();
    let publishing = publisher.clone();
    let publishing = tokio::spawn(async move { publish_both(&publishing, 0..MESSAGES).await });
    let mut engines: Vec<Engine> = Vec::new();
    for name in ["Shared", "Shared", "Alone"] {
        let tier = open();
        attend(&tier, &mut rig.attendants);
        engines.push(rig.engine(&tier, name));
    }
    for _ in 0..CUTS {
        at_random(APART).await;
        tokio::task::block_in_place(|| proxy.cut().unwrap());
    }
    publishing.await.unwrap();
    rig.assert_once(&publisher, &["Shared", "Alone"], 2 * MESSAGES)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn l9_connections_to_redis_may_break_at_any_time() {
    let rig = Rig::start(Persistence::None).await;
    let (proxy, uri) = through(&rig.redis.uri());
    let database = rig.database.clone();
    survives(rig, proxy, || open(&uri, &database, Options::default())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn l9_connections_to_postgresql_may_break_at_any_time() {
    let rig = Rig::start(Persistence::None).await;
    let (proxy, uri) = through(&rig.database);
    let redis = rig.redis.uri();
    survives(rig, proxy, || open(&redis, &uri, Options::default())).await;
}
