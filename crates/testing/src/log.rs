//! The log of all messages.

use protean_core::port::broker::Wake;
use protean_core::port::store::{Commit, Position};
use protean_core::{Lane, Priority};

use crate::item::{STREAM, commit, message, publish};
use crate::{Fixture, ready};

/// In the order of writing, at most so many.
pub async fn a_stream_is_read_from_any_position(fixture: impl Fixture) {
    let tier = ready(&fixture).await;
    let messages: Vec<_> = (0..5)
        .map(|nth| {
            message(
                None,
                if nth % 2 == 0 {
                    Priority::Bulk
                } else {
                    Priority::Normal
                },
            )
        })
        .collect();
    publish(&tier, &messages).await;
    let all = tier.log.read(STREAM, None, Position(0), 10).await.unwrap();
    assert_eq!(
        all.iter().map(|entry| entry.message.id).collect::<Vec<_>>(),
        messages
            .iter()
            .map(|message| message.id)
            .collect::<Vec<_>>()
    );
    assert_eq!(
        (all[0].lane, all[1].lane),
        (Some(Lane::Backfill), Some(Lane::Primary))
    );
    let part = tier
        .log
        .read(STREAM, None, all[2].position, 2)
        .await
        .unwrap();
    assert_eq!(
        part.iter().map(|entry| entry.position).collect::<Vec<_>>(),
        [all[2].position, all[3].position]
    );
    assert!(
        tier.log
            .read("suite::nothing", None, Position(0), 10)
            .await
            .unwrap()
            .is_empty()
    );
}

/// The stream's name, a hyphen and the key.
pub async fn an_aggregate_has_a_stream_of_its_own(fixture: impl Fixture) {
    let tier = ready(&fixture).await;
    let messages = ["a-1", "a-2", "a-1"].map(|key| message(Some(key), Priority::Normal));
    publish(&tier, &messages).await;
    let own = tier
        .log
        .read("suite::item-a-1", None, Position(0), 10)
        .await
        .unwrap();
    assert_eq!(
        own.iter().map(|entry| entry.message.id).collect::<Vec<_>>(),
        [messages[0].id, messages[2].id]
    );
}

/// Those that were handled inline, and delivered to nobody, among them.
pub async fn a_trace_has_everything_one_request_caused(fixture: impl Fixture) {
    let tier = ready(&fixture).await;
    let traced = |priority| {
        let mut message = message(None, priority);
        message.correlation_id = "ours".into();
        message
    };
    let [inline, caused] = [traced(Priority::Normal), traced(Priority::Bulk)];
    let work = Commit {
        recorded: vec![inline.clone()],
        messages: vec![(Lane::Backfill, caused.clone())],
        ..Commit::default()
    };
    commit(&tier, work).await.unwrap();
    publish(&tier, &[message(None, Priority::Normal)]).await;
    let trace = tier.log.trace("ours", 10).await.unwrap();
    let found: Vec<_> = trace
        .iter()
        .map(|entry| (entry.message.id, entry.lane))
        .collect();
    assert_eq!(
        found,
        [(inline.id, None), (caused.id, Some(Lane::Backfill))]
    );
    assert_eq!(tier.log.trace("ours", 1).await.unwrap().len(), 1);
    assert!(tier.log.trace("nobody", 10).await.unwrap().is_empty());
}

/// Whoever listens wakes up for what any process writes, without taking part in anything.
pub async fn what_is_written_rings(fixture: impl Fixture) {
    const PATIENCE: std::time::Duration = std::time::Duration::from_secs(20);
    let (tier, other) = (ready(&fixture).await, fixture.open().await);
    let mut listener = other.log.listen().await.unwrap();
    let wakes = |wake: &Wake| match wake {
        Wake::Anything => true,
        Wake::Published(all) => all.iter().any(|one| &*one.stream == STREAM),
        Wake::Awaited(_) => false,
    };
    let rung = async {
        // Whoever has just begun to listen may be woken for nothing.
        loop {
            publish(&tier, &[message(None, Priority::Normal)]).await;
            if wakes(&listener.wake().await) {
                let read = other.log.read(STREAM, None, Position(0), 1).await;
                return read.unwrap().len();
            }
        }
    };
    let found = tokio::time::timeout(PATIENCE, rung).await;
    assert_eq!(found, Ok(1));
}
