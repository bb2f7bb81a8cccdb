//! The broker: streams, lanes and subscriptions.

use protean_core::config::CrossLaneOrder;
use protean_core::port::broker::{Delivery, Verdict, Wake};
use protean_core::port::store::{Commit, Refused};
use protean_core::throttle::Throttle;
use protean_core::{Lane, Priority};
use uuid::Uuid;

use crate::item::{
    PATIENCE, STREAM, claim, commit, ids, insert, message, publication, publish, settlement,
    subscription,
};
use crate::{Fixture, ready};

/// First in, first out in a band; CRITICAL before HIGH before NORMAL (L7).
pub async fn messages_come_in_order_and_urgent_bands_first(fixture: impl Fixture) {
    let tier = ready(&fixture).await;
    let priorities = [
        Priority::Normal,
        Priority::Critical,
        Priority::Normal,
        Priority::High,
        Priority::Critical,
    ];
    let messages = priorities.map(|priority| message(Some("a"), priority));
    publish(&tier, &messages).await;
    let deliveries = claim(&tier, "Handler").await.take(Lane::Primary, 5).await;
    let expected = [1, 4, 3, 0, 2].map(|nth: usize| messages[nth].id);
    assert_eq!(ids(&deliveries), expected);
    let mut written = messages[1].clone();
    written.idempotency_key = None;
    assert_eq!(
        *deliveries[0].message, written,
        "a message comes back as it was written"
    );
}

/// What is published on one lane is not fetched on the other.
pub async fn a_lane_knows_nothing_of_the_other(fixture: impl Fixture) {
    let tier = ready(&fixture).await;
    let messages =
        [Priority::Bulk, Priority::Normal, Priority::Low].map(|priority| message(None, priority));
    publish(&tier, &messages).await;
    let mut feed = claim(&tier, "Handler").await;
    let backfill = feed.take(Lane::Backfill, 2).await;
    assert_eq!(ids(&backfill), [messages[2].id, messages[0].id]);
    assert_eq!(ids(&feed.take(Lane::Primary, 1).await), [messages[1].id]);
    for lane in Lane::ALL {
        assert!(feed.fetch(lane, 10).await.is_empty());
    }
}

/// A feed returns each message once; whoever claims next gets those that were not settled.
pub async fn a_message_is_handed_out_once_until_the_next_claim(fixture: impl Fixture) {
    let tier = ready(&fixture).await;
    let messages: Vec<_> = (0..5).map(|_| message(None, Priority::Normal)).collect();
    publish(&tier, &messages).await;
    let mut feed = claim(&tier, "Handler").await;
    let first = feed.take(Lane::Primary, 2).await;
    let second = feed.take(Lane::Primary, 3).await;
    assert_eq!(ids(&first), [messages[0].id, messages[1].id]);
    assert_eq!(second.len(), 3);
    assert!(feed.fetch(Lane::Primary, 10).await.is_empty());
    drop(feed);
    let other = fixture.open().await;
    let again = claim(&other, "Handler").await.take(Lane::Primary, 5).await;
    assert_eq!(
        ids(&again),
        messages
            .iter()
            .map(|message| message.id)
            .collect::<Vec<_>>()
    );
}

/// Also when they were settled out of order.
pub async fn what_is_settled_does_not_come_back(fixture: impl Fixture) {
    let tier = ready(&fixture).await;
    let messages: Vec<_> = (0..6).map(|_| message(None, Priority::Bulk)).collect();
    publish(&tier, &messages).await;
    let mut feed = claim(&tier, "Handler").await;
    let deliveries = feed.take(Lane::Backfill, 6).await;
    for nth in [4, 0, 2] {
        commit(
            &tier,
            settlement("Handler", &deliveries[nth], Verdict::Done),
        )
        .await
        .unwrap();
    }
    drop(feed);
    let mut again = claim(&tier, "Handler").await;
    let left = again.take(Lane::Backfill, 3).await;
    assert_eq!(ids(&left), [1, 3, 5].map(|nth: usize| messages[nth].id));
    let mut other = claim(&tier, "Other").await;
    assert_eq!(
        other.take(Lane::Backfill, 6).await.len(),
        6,
        "each has its own position"
    );
}

/// Whoever comes second, with whatever work, is refused (L9).
pub async fn a_message_is_settled_once(fixture: impl Fixture) {
    let tier = ready(&fixture).await;
    publish(&tier, &[message(None, Priority::Normal)]).await;
    let delivery = claim(&tier, "Handler")
        .await
        .take(Lane::Primary, 1)
        .await
        .remove(0);
    let work = |id| {
        let mut commit = insert(id, "done", 1);
        commit.settlements = settlement("Handler", &delivery, Verdict::Done).settlements;
        commit
    };
    let [first, second] = [Uuid::now_v7(), Uuid::now_v7()];
    commit(&tier, work(first)).await.unwrap();
    let other = fixture.open().await;
    let refused = commit(&other, work(second)).await.unwrap_err();
    assert!(matches!(refused, Refused::Settled), "{refused}");
    assert!(crate::item::load(&tier, first).await.is_some());
    assert!(crate::item::load(&tier, second).await.is_none());
}

/// One commit settles several messages, unless somebody had settled one of them (L9).
pub async fn messages_are_settled_together_or_not_at_all(fixture: impl Fixture) {
    let tier = ready(&fixture).await;
    let messages: Vec<_> = (0..5).map(|_| message(None, Priority::Bulk)).collect();
    publish(&tier, &messages).await;
    let mut feed = claim(&tier, "Handler").await;
    let deliveries = feed.take(Lane::Backfill, 5).await;
    let together = |deliveries: &[Delivery], id| {
        let all = deliveries.iter();
        let settled = all.flat_map(|one| settlement("Handler", one, Verdict::Done).settlements);
        Commit {
            settlements: settled.collect(),
            ..insert(id, "done", 1)
        }
    };
    let ids = [(); 4].map(|()| Uuid::now_v7());
    commit(&tier, together(&deliveries[..2], ids[0]))
        .await
        .unwrap();
    let batch = vec![
        together(&deliveries[1..4], ids[1]),
        settlement("Handler", &deliveries[3], Verdict::Done),
        together(&deliveries[3..], ids[2]),
        together(&[deliveries[2].clone(), deliveries[4].clone()], ids[3]),
    ];
    let results = tier.store.commit(Lane::Backfill, batch).await;
    let done: Vec<bool> = results.iter().map(Result::is_ok).collect();
    assert_eq!(done, [false, true, false, true], "{results:?}");
    for refused in results.into_iter().filter_map(Result::err) {
        assert!(matches!(refused, Refused::Settled), "{refused}");
    }
    let mut written = Vec::new();
    for id in ids {
        written.push(crate::item::load(&tier, id).await.is_some());
    }
    assert_eq!(written, [true, false, false, true]);
    let backlogs = tier.broker.backlogs(&[subscription("Handler")]).await;
    assert_eq!(backlogs.unwrap()[0][1].lag, 0);
}

/// Whether a broker shares a subscription or not: nobody gets what another process has in its
/// hands, nor what follows on it with the same key (L8), until that one lets go.
pub async fn a_message_is_in_one_pair_of_hands(fixture: impl Fixture) {
    let (tier, other) = (ready(&fixture).await, fixture.open().await);
    let messages: Vec<_> = (0..4)
        .map(|_| message(Some("k"), Priority::Normal))
        .collect();
    publish(&tier, &messages[..2]).await;
    let mut feed = claim(&tier, "Handler").await;
    assert_eq!(feed.take(Lane::Primary, 2).await.len(), 2);
    publish(&tier, &messages[2..]).await;
    let mut second = other
        .broker
        .claim(&subscription("Handler"), CrossLaneOrder::None)
        .await
        .unwrap();
    if let Some([primary, _]) = &mut second {
        for _ in 0..20 {
            let found = primary.fetch(10).await.unwrap();
            assert!(found.is_empty(), "{found:?}");
        }
    }
    let _another = claim(&other, "Other").await;
    drop((feed, second));
    let again = claim(&other, "Handler").await.take(Lane::Primary, 4).await;
    let all: Vec<_> = messages.iter().map(|message| message.id).collect();
    assert_eq!(ids(&again), all);
}

/// From its own process and from others, whether it waits already or not.
pub async fn a_listener_hears_of_every_publication(fixture: impl Fixture) {
    let (tier, other) = (ready(&fixture).await, fixture.open().await);
    let mut listener = tier.broker.listen().await.unwrap();
    let _held = claim(&tier, "Handler").await;
    for (publisher, priority) in [
        (&tier, Priority::Normal),
        (&other, Priority::Bulk),
        (&other, Priority::High),
    ] {
        let news = message(None, priority);
        let lane = crate::item::lane(&news);
        publish(publisher, &[news]).await;
        let heard = async {
            loop {
                match listener.wake().await {
                    Wake::Anything => return,
                    Wake::Awaited(_) => {}
                    Wake::Published(all) => {
                        let is_it = |one: &protean_core::port::broker::Published| {
                            &*one.stream == STREAM && one.lane == lane
                        };
                        if all.iter().any(is_it) {
                            return;
                        }
                    }
                }
            }
        };
        let heard = tokio::time::timeout(PATIENCE, heard).await;
        assert!(heard.is_ok(), "nothing was heard of {priority}");
    }
}

/// Lag, age and pending, per lane; a subscription that has never run counts its whole stream.
pub async fn a_subscription_that_never_ran_counts_everything(fixture: impl Fixture) {
    let tier = ready(&fixture).await;
    let bulk: Vec<_> = (0..3).map(|_| message(None, Priority::Bulk)).collect();
    publish(&tier, &bulk).await;
    publish(&tier, &[message(None, Priority::Normal)]).await;
    let subscriptions = [subscription("Handler"), subscription("Never")];
    let lags = async || {
        let backlogs = tier.broker.backlogs(&subscriptions).await.unwrap();
        backlogs
            .iter()
            .map(|lanes| lanes.clone().map(|lane| lane.lag))
            .collect::<Vec<_>>()
    };
    assert_eq!(lags().await, [[1, 3], [1, 3]]);
    let mut feed = claim(&tier, "Handler").await;
    let deliveries = feed.take(Lane::Backfill, 3).await;
    assert_eq!(lags().await, [[1, 3], [1, 3]], "handed out is not handled");
    for delivery in &deliveries[..2] {
        commit(&tier, settlement("Handler", delivery, Verdict::Done))
            .await
            .unwrap();
    }
    assert_eq!(lags().await, [[1, 1], [1, 3]]);
    let backlogs = tier.broker.backlogs(&subscriptions).await.unwrap();
    assert!(backlogs[0][1].oldest.is_some() && backlogs[0][0].oldest.is_some());
    commit(&tier, settlement("Handler", &deliveries[2], Verdict::Done))
        .await
        .unwrap();
    let backlogs = tier.broker.backlogs(&subscriptions).await.unwrap();
    assert_eq!(backlogs[0][1].oldest, None);
}

/// Rows and messages of one commit happen together or not at all.
pub async fn what_a_refused_commit_published_does_not_exist(fixture: impl Fixture) {
    let tier = ready(&fixture).await;
    let id = Uuid::now_v7();
    commit(&tier, insert(id, "taken", 0)).await.unwrap();
    let mut refused = insert(id, "again", 0);
    refused.messages = publication(&[message(None, Priority::Normal)]).messages;
    commit(&tier, refused).await.unwrap_err();
    let after = message(None, Priority::Normal);
    publish(&tier, std::slice::from_ref(&after)).await;
    let mut feed = claim(&tier, "Handler").await;
    assert_eq!(ids(&feed.take(Lane::Primary, 1).await), [after.id]);
    let backlogs = tier
        .broker
        .backlogs(&[subscription("Handler")])
        .await
        .unwrap();
    assert_eq!(backlogs[0][0].lag, 1);
}

/// As soon as that is said, nobody has to wait until the holder counts as dead.
pub async fn what_was_given_back_is_free(fixture: impl Fixture) {
    let (tier, other) = (ready(&fixture).await, fixture.open().await);
    // Parts are told with what is asked.
    let asked = tier.controls.throttle(None, Throttle::Paused).await;
    asked.unwrap();
    publish(&tier, &[message(None, Priority::Normal)]).await;
    let mut feed = claim(&tier, "Handler").await;
    assert_eq!(feed.take(Lane::Primary, 1).await.len(), 1);
    drop(feed);
    tier.broker.release().await.unwrap();
    assert_eq!(other.controls.throttles().await.unwrap().parts, 0);
    let subscription = subscription("Handler");
    let claimed = other.broker.claim(&subscription, CrossLaneOrder::None);
    assert!(claimed.await.unwrap().is_some(), "it is held");
    let mut feed = claim(&other, "Handler").await;
    assert_eq!(feed.take(Lane::Primary, 1).await.len(), 1);
}
