//! Messages that are set aside (L10).

use jiff::{SignedDuration, Timestamp};
use protean_core::port::Tier;
use protean_core::port::broker::{Parking, Place, Verdict};
use protean_core::{Lane, Priority};

use crate::item::{claim, commit, ids, message, publish, settlement, subscription};
use crate::{Fixture, ready};

fn parking(failures: u32, due: Option<Timestamp>) -> Verdict {
    Verdict::Park(Parking {
        due,
        failures,
        failed_first: Some(Timestamp::UNIX_EPOCH),
        error: "not now".to_owned(),
    })
}

/// It is listed and fetched apart, counted as lag, and settled like any other.
pub async fn a_parked_message_is_out_of_the_flow(fixture: impl Fixture) {
    let tier = ready(&fixture).await;
    let messages = [Some("k"), None].map(|key| message(key, Priority::Bulk));
    publish(&tier, &messages).await;
    let mut feed = claim(&tier, "Handler").await;
    let delivery = feed.take(Lane::Backfill, 1).await.remove(0);
    let due = Timestamp::from_second(4_000_000_000).unwrap();
    let park = settlement("Handler", &delivery, parking(1, Some(due)));
    commit(&tier, park).await.unwrap();

    let parked = feed.take_parked(Lane::Backfill, 1).await;
    assert_eq!(parked.len(), 1);
    assert_eq!(parked[0].position, delivery.position);
    assert_eq!(parked[0].lane, Lane::Backfill);
    assert_eq!(parked[0].key.as_deref(), Some("k"));
    assert_eq!(parked[0].due, Some(due));
    let after = feed.parked(Lane::Backfill, Some(delivery.position)).await;
    assert!(after.is_empty(), "{after:?}");
    let flow = feed.take(Lane::Backfill, 1).await;
    assert_eq!(ids(&flow), [messages[1].id]);
    assert_eq!(lags(&tier).await, [0, 2], "it is not handled yet");
}

/// It says how often it failed, and is gone once it is settled.
pub async fn a_parked_message_is_settled_like_any_other(fixture: impl Fixture) {
    let tier = ready(&fixture).await;
    let parked = message(None, Priority::Bulk);
    publish(&tier, std::slice::from_ref(&parked)).await;
    let mut feed = claim(&tier, "Handler").await;
    let delivery = feed.take(Lane::Backfill, 1).await.remove(0);
    let park = settlement("Handler", &delivery, parking(1, None));
    commit(&tier, park).await.unwrap();

    let again = feed
        .fetch_parked(Lane::Backfill, delivery.position)
        .await
        .unwrap();
    assert_eq!(again.place, Place::Parked);
    assert_eq!(again.message.id, parked.id);
    assert_eq!(again.failures, 1);
    assert_eq!(again.failed_first, Some(Timestamp::UNIX_EPOCH));
    let done = settlement("Handler", &again, Verdict::Done);
    commit(&tier, done).await.unwrap();
    assert!(feed.parked(Lane::Backfill, None).await.is_empty());
    let gone = feed.fetch_parked(Lane::Backfill, delivery.position).await;
    assert!(gone.is_none(), "{gone:?}");
    assert_eq!(lags(&tier).await, [0, 0]);
}

/// The lag of the primary and of the backfill lane.
async fn lags(tier: &Tier) -> [u64; 2] {
    let subscriptions = [subscription("Handler")];
    let backlogs = tier.broker.backlogs(&subscriptions).await.unwrap();
    backlogs[0].clone().map(|lane| lane.lag)
}

/// Whoever claims next finds it where it was, and parks it again.
pub async fn a_parked_message_survives_its_holder(fixture: impl Fixture) {
    let tier = ready(&fixture).await;
    publish(&tier, &[message(Some("k"), Priority::Normal)]).await;
    let mut feed = claim(&tier, "Handler").await;
    let delivery = feed.take(Lane::Primary, 1).await.remove(0);
    commit(&tier, settlement("Handler", &delivery, parking(1, None)))
        .await
        .unwrap();
    drop(feed);
    let other = fixture.open().await;
    let mut feed = claim(&other, "Handler").await;
    feed.take_parked(Lane::Primary, 1).await;
    assert!(feed.fetch(Lane::Primary, 10).await.is_empty());
    let delivery = feed
        .fetch_parked(Lane::Primary, delivery.position)
        .await
        .unwrap();
    let due = Timestamp::now() + SignedDuration::from_secs(60);
    commit(
        &other,
        settlement("Handler", &delivery, parking(2, Some(due))),
    )
    .await
    .unwrap();
    let delivery = feed
        .fetch_parked(Lane::Primary, delivery.position)
        .await
        .unwrap();
    assert_eq!(delivery.failures, 2);
    let parked = feed.parked(Lane::Primary, None).await;
    let rounded = |moment: Timestamp| moment.as_microsecond();
    assert_eq!(parked[0].due.map(rounded), Some(rounded(due)));
}
