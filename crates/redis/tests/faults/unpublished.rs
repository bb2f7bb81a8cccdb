//! What has not reached Redis stays, although nothing is left to do with it.

use std::time::Instant;

use jiff::Timestamp;
use protean_core::message::{Kind as MessageKind, Message};
use protean_core::port::broker::{Settlement, Subscription, Verdict};
use protean_core::port::imports::correlation_id;
use protean_core::port::retention::{Kind, Sweep};
use protean_core::port::store::Commit;
use protean_core::{Lane, Priority};
use protean_services::redis::Persistence;
use protean_testing::item::{PATIENCE, commit, look_again, message, publication};

use crate::rig::{Rig, attend};

const STREAM: &str = "suite::item:command";

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_published_stays() {
    let mut rig = Rig::start(Persistence::None).await;
    let tier = rig.tier();
    let command = Message {
        kind: MessageKind::Command,
        stream: STREAM.into(),
        causation_id: None,
        correlation_id: correlation_id("books", 1, 1).into(),
        ..message(None, Priority::Bulk)
    };
    commit(&tier, publication(&[command])).await.unwrap();
    let subscription = Subscription::new("Handler", STREAM);
    let queued = tier.imports.queued(&subscription, "books", None, 10).await;
    let one = queued.unwrap()[0];
    let withdrawal = Commit {
        settlements: vec![Settlement {
            subscription: subscription.clone(),
            lane: one.lane,
            place: one.place,
            position: one.position,
            verdict: Verdict::Withdrawn,
            handling: None,
        }],
        ..Commit::default()
    };
    commit(&tier, withdrawal).await.unwrap();
    let sweep = Sweep {
        kind: Kind::Commands,
        before: Timestamp::now(),
        subscriptions: vec![subscription],
    };
    let due = async || tier.retention.due(&sweep, None).await.unwrap().rows.len();
    assert_eq!(due().await, 0, "no relay has run");
    attend(&tier, &mut rig.attendants);
    rig.published(Lane::Backfill, 1).await;
    let deadline = Instant::now() + PATIENCE;
    while due().await == 0 {
        look_again(deadline, "it is published, and stays").await;
    }
}
