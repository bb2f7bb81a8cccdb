//! What goes before primary messages, where lanes share the order of a key (L8).

use std::time::Duration;

use jiff::Timestamp;
use protean_core::config::CrossLaneOrder;
use protean_core::message::Message;
use protean_core::port::Tier;
use protean_core::port::broker::{Awaited, Delivery, Parking, Place, Verdict, Wake};
use protean_core::{Lane, Priority};
use tokio::time::timeout;
use uuid::Uuid;

use crate::item::{
    Held, PATIENCE, claim_in_order, commit, ids, message, publish, settlement, subscription,
};
use crate::{Fixture, ready};

/// How often a case looks for what must not be there.
const LOOKS: usize = 20;

/// How often a case asks until it is heard.
const ASK_INTERVAL: Duration = Duration::from_millis(50);

async fn claim(tier: &Tier) -> Held {
    claim_in_order(tier, "Handler", CrossLaneOrder::PerKey).await
}

/// One more process in the subscription; `None` where it cannot be shared.
async fn join(tier: &Tier) -> Option<Held> {
    let order = CrossLaneOrder::PerKey;
    let claimed = tier.broker.claim(&subscription("Handler"), order).await;
    claimed.unwrap().map(Held::of)
}

async fn settle(tier: &Tier, feed: &mut Held, deliveries: &[Delivery], verdict: Verdict) {
    for delivery in deliveries {
        let settled = settlement("Handler", delivery, verdict.clone());
        commit(tier, settled).await.unwrap();
    }
    feed.settled(deliveries).await;
}

fn sent(messages: &[Message], which: &[usize]) -> Vec<Uuid> {
    which.iter().map(|nth| messages[*nth].id).collect()
}

/// Bulk messages of `k` and of others, and a primary one of `k` in between.
fn import() -> [Message; 6] {
    let bulk = Priority::Bulk;
    [
        message(Some("k"), bulk),
        message(Some("other"), bulk),
        message(Some("k"), Priority::Low),
        message(Some("k"), Priority::Normal),
        message(Some("k"), bulk),
        message(None, bulk),
    ]
}

/// Exactly those of its key that were published before it and are not settled, whether the
/// backfill lane has been read or not; what was promoted is not handed out again.
pub async fn what_waits_on_backfill_goes_before_a_primary_message(fixture: impl Fixture) {
    let tier = ready(&fixture).await;
    let messages = import();
    publish(&tier, &messages).await;
    let mut feed = claim(&tier).await;
    let primary = feed.take(Lane::Primary, 1).await;
    assert_eq!(ids(&primary), sent(&messages, &[3]));
    for _ in 0..2 {
        let ahead = feed.ahead(&primary).await;
        assert_eq!(
            ids(&ahead.deliveries),
            sent(&messages, &[2, 0]),
            "urgent bands first, told until they are settled"
        );
        let on_backfill =
            |one: &Delivery| one.lane == Lane::Backfill && matches!(one.place, Place::Queue { .. });
        assert!(ahead.deliveries.iter().all(on_backfill));
        assert!(ahead.blocked.is_empty() && ahead.parked.is_empty());
    }
    let promoted = feed.ahead(&primary).await.deliveries;
    settle(&tier, &mut feed, &promoted, Verdict::Done).await;
    let ahead = feed.ahead(&primary).await;
    assert!(ahead.deliveries.is_empty(), "{ahead:?}");
    let left = feed.take(Lane::Backfill, 3).await;
    assert_eq!(ids(&left), sent(&messages, &[1, 4, 5]));
    settle(&tier, &mut feed, &left, Verdict::Done).await;
    let backlogs = tier.broker.backlogs(&[subscription("Handler")]).await;
    assert_eq!(backlogs.unwrap()[0][1].lag, 0);
}

/// What this process has handed out is told, too.
pub async fn what_is_in_hand_goes_before_a_primary_message(fixture: impl Fixture) {
    let tier = ready(&fixture).await;
    let messages = import();
    publish(&tier, &messages).await;
    let mut feed = claim(&tier).await;
    let backfill = feed.take(Lane::Backfill, 5).await;
    let primary = feed.take(Lane::Primary, 1).await;
    let ahead = feed.ahead(&primary).await;
    assert_eq!(ids(&ahead.deliveries), sent(&messages, &[2, 0]));
    assert!(ahead.blocked.is_empty());
    let places = |all: &[Delivery]| all.iter().map(|one| one.place).collect::<Vec<_>>();
    let in_hand = places(&backfill);
    let told = places(&ahead.deliveries);
    assert!(told.iter().all(|place| in_hand.contains(place)));
    settle(&tier, &mut feed, &backfill, Verdict::Done).await;
    assert!(feed.ahead(&primary).await.deliveries.is_empty());
}

/// Also when the backfill lane has been read in part.
pub async fn what_was_promoted_is_not_handed_out_again(fixture: impl Fixture) {
    let tier = ready(&fixture).await;
    let messages = import();
    publish(&tier, &messages).await;
    let mut feed = claim(&tier).await;
    let first = feed.take(Lane::Backfill, 2).await;
    let primary = feed.take(Lane::Primary, 1).await;
    let later = message(Some("k"), Priority::Bulk);
    let next = message(Some("k"), Priority::Normal);
    publish(&tier, &[later, next.clone()]).await;
    let mut waiting = primary.clone();
    waiting.extend(feed.take(Lane::Primary, 1).await);
    let promoted = feed.ahead(&waiting).await.deliveries;
    assert_eq!(promoted.len(), 4, "all bulk ones of `k`");
    settle(&tier, &mut feed, &promoted, Verdict::Done).await;
    let handed = first.iter().map(|one| one.place);
    let known: Vec<Place> = handed.chain(promoted.iter().map(|one| one.place)).collect();
    for _ in 0..LOOKS {
        let found = feed.fetch(Lane::Backfill, 10).await;
        let again = found.iter().find(|one| known.contains(&one.place));
        assert!(again.is_none(), "{again:?}");
    }
}

/// A message without a key waits for nothing.
pub async fn a_message_without_a_key_has_nothing_before_it(fixture: impl Fixture) {
    let tier = ready(&fixture).await;
    let messages = [Priority::Bulk, Priority::Normal].map(|priority| message(None, priority));
    publish(&tier, &messages).await;
    let mut feed = claim(&tier).await;
    let primary = feed.take(Lane::Primary, 1).await;
    let ahead = feed.ahead(&primary).await;
    assert!(ahead.deliveries.is_empty() && ahead.blocked.is_empty());
    assert_eq!(feed.take(Lane::Backfill, 1).await.len(), 1);
}

/// What was promoted and not settled is there for whoever comes next, once.
pub async fn a_promoted_message_survives_its_holder(fixture: impl Fixture) {
    let tier = ready(&fixture).await;
    let messages = import();
    publish(&tier, &messages).await;
    let mut feed = claim(&tier).await;
    let primary = feed.take(Lane::Primary, 1).await;
    let promoted = feed.ahead(&primary).await.deliveries;
    settle(&tier, &mut feed, &promoted[..1], Verdict::Done).await;
    drop(feed);
    let other = fixture.open().await;
    let mut feed = claim(&other).await;
    let mut left = ids(&feed.take(Lane::Backfill, 4).await);
    left.sort_unstable();
    assert_eq!(left, sent(&messages, &[0, 1, 4, 5]));
    for _ in 0..LOOKS {
        let found = feed.fetch(Lane::Backfill, 10).await;
        assert!(found.is_empty(), "{found:?}");
    }
    assert_eq!(
        ids(&feed.take(Lane::Primary, 1).await),
        sent(&messages, &[3])
    );
}

/// What another process has is waited for, and what this one has promoted that one does not get.
pub async fn what_is_promoted_is_in_one_pair_of_hands(fixture: impl Fixture) {
    let (tier, other) = (ready(&fixture).await, fixture.open().await);
    let messages = import();
    publish(&tier, &messages).await;
    let mut feed = claim(&tier).await;
    let primary = feed.take(Lane::Primary, 1).await;
    let promoted = feed.ahead(&primary).await.deliveries;
    assert_eq!(ids(&promoted), sent(&messages, &[2, 0]));
    let Some(mut second) = join(&other).await else {
        return;
    };
    let bulk = second.take(Lane::Backfill, 2).await;
    assert_eq!(
        ids(&bulk),
        sent(&messages, &[1, 5]),
        "those of `k` are in other hands, or wait for them"
    );
    for _ in 0..LOOKS {
        let found = second.fetch(Lane::Backfill, 10).await;
        assert!(found.is_empty(), "{found:?}");
    }
    settle(&tier, &mut feed, &promoted, Verdict::Done).await;
    let last = second.take(Lane::Backfill, 1).await;
    assert_eq!(ids(&last), sent(&messages, &[4]));

    let next = message(Some("k"), Priority::Normal);
    publish(&tier, std::slice::from_ref(&next)).await;
    settle(&tier, &mut feed, &primary, Verdict::Done).await;
    let primary = feed.take(Lane::Primary, 1).await;
    let mut listener = other.broker.listen().await.unwrap();
    let asked = async {
        loop {
            // A listener hears from some moment on.
            let ahead = feed.ahead(&primary).await;
            assert!(ahead.deliveries.is_empty(), "{ahead:?}");
            assert!(ahead.blocked.contains(&primary[0].position));
            if let Ok(Wake::Awaited(all)) = timeout(ASK_INTERVAL, listener.wake()).await {
                return all;
            }
        }
    };
    let awaited = timeout(PATIENCE, asked).await.unwrap();
    let expected = Awaited {
        subscription: subscription("Handler"),
        key: "k".to_owned(),
        before: primary[0].position,
    };
    assert_eq!(awaited, [expected], "whoever has it hears of it");
    settle(&other, &mut second, &last, Verdict::Done).await;
    let ahead = feed.ahead(&primary).await;
    assert!(ahead.blocked.is_empty() && ahead.deliveries.is_empty());
}

/// What is set aside holds its key, whoever has set it aside.
pub async fn what_is_set_aside_goes_before_a_primary_message(fixture: impl Fixture) {
    let (tier, other) = (ready(&fixture).await, fixture.open().await);
    let messages = [Priority::Bulk, Priority::Normal].map(|one| message(Some("k"), one));
    publish(&tier, &messages).await;
    let mut feed = claim(&tier).await;
    let primary = feed.take(Lane::Primary, 1).await;
    let promoted = feed.ahead(&primary).await.deliveries;
    let parking = Verdict::Park(Parking {
        due: Some(Timestamp::from_second(4_000_000_000).unwrap()),
        failures: 1,
        failed_first: Some(Timestamp::UNIX_EPOCH),
        error: "not now".to_owned(),
    });
    settle(&tier, &mut feed, &promoted, parking).await;
    let ahead = feed.ahead(&primary).await;
    assert!(ahead.deliveries.is_empty() && ahead.blocked.is_empty());
    let parked = feed.take_parked(Lane::Backfill, 1).await;
    assert_eq!(parked[0].position, promoted[0].position);
    if let Some(mut second) = join(&other).await {
        let ahead = second.ahead(&primary).await;
        assert!(ahead.blocked.contains(&primary[0].position), "{ahead:?}");
    }
    let again = feed.fetch_parked(Lane::Backfill, parked[0].position).await;
    settle(&tier, &mut feed, &[again.unwrap()], Verdict::Done).await;
    let ahead = feed.ahead(&primary).await;
    assert!(ahead.blocked.is_empty() && ahead.parked.is_empty());
}
