//! Messages that were given up (L10).

use jiff::Timestamp;
use protean_core::port::Tier;
use protean_core::port::broker::{Death, Verdict};
use protean_core::port::dead_letters::{DeadLetter, Filter};
use protean_core::{Lane, Priority};
use uuid::Uuid;

use crate::item::{claim, commit, ids, message, publish, settlement, subscription};
use crate::{Fixture, ready};

/// Gives up the message of a lane, as this subscription; returns their ids.
async fn give_up(tier: &Tier, name: &str, lane: Lane) -> Vec<Uuid> {
    let mut feed = claim(tier, name).await;
    let deliveries = feed.take(lane, 1).await;
    for delivery in &deliveries {
        let death = Verdict::Dead(Death {
            attempts: 3,
            failed_first: Timestamp::UNIX_EPOCH,
            failed_last: Timestamp::from_second(7).unwrap(),
            error: "no such warehouse: moved away".to_owned(),
        });
        commit(tier, settlement(name, delivery, death))
            .await
            .unwrap();
    }
    ids(&deliveries)
}

/// Subscription, lane, attempts, times, error and message, filtered as asked.
pub async fn a_dead_letter_tells_all(fixture: impl Fixture) {
    let tier = ready(&fixture).await;
    publish(
        &tier,
        &[
            message(Some("a"), Priority::Bulk),
            message(Some("b"), Priority::Normal),
        ],
    )
    .await;
    let bulk = give_up(&tier, "Handler", Lane::Backfill).await;
    give_up(&tier, "Handler", Lane::Primary).await;
    give_up(&tier, "Other", Lane::Primary).await;
    let list =
        async |filter: Filter, count_max| tier.dead_letters.list(&filter, count_max).await.unwrap();
    assert_eq!(list(Filter::default(), 10).await.len(), 3);
    assert_eq!(list(Filter::default(), 2).await.len(), 2);
    let filter = Filter {
        subscription: Some("Handler".to_owned()),
        lane: Some(Lane::Backfill),
        ..Filter::default()
    };
    let letters = list(filter, 10).await;
    assert_eq!(letters.len(), 1);
    let letter = &letters[0];
    assert_eq!(letter.subscription, subscription("Handler"));
    assert_eq!((letter.lane, letter.attempts), (Lane::Backfill, 3));
    assert_eq!(letter.failed_first, Timestamp::UNIX_EPOCH);
    assert_eq!(letter.failed_last, Timestamp::from_second(7).unwrap());
    assert_eq!(letter.error, "no such warehouse: moved away");
    assert_eq!(letter.message.id, bulk[0]);
    let backlog = tier
        .broker
        .backlogs(&[subscription("Handler")])
        .await
        .unwrap()
        .remove(0);
    assert_eq!(
        [&backlog[0], &backlog[1]].map(|lane| (lane.lag, lane.dead)),
        [(0, 1), (0, 1)]
    );
}

/// By error, time and correlation, in every way that letters are asked for.
pub async fn letters_are_told_apart(fixture: impl Fixture) {
    let tier = ready(&fixture).await;
    let mut imported = message(None, Priority::Bulk);
    imported.correlation_id = "import:spring:7:9".into();
    publish(&tier, &[imported, message(None, Priority::Normal)]).await;
    give_up(&tier, "Handler", Lane::Backfill).await;
    give_up(&tier, "Handler", Lane::Primary).await;
    let failed = Timestamp::from_second(7).unwrap();
    let later = Timestamp::from_second(8).unwrap();
    let filter = |change: fn(&mut Filter)| {
        let mut filter = Filter::default();
        change(&mut filter);
        filter
    };
    for (expected, filter) in [
        (2, Filter::default()),
        (2, filter(|it| it.error = Some("WAREHOUSE".to_owned()))),
        (0, filter(|it| it.error = Some("no such shop".to_owned()))),
        (
            1,
            filter(|it| it.correlation_prefix = Some("import:spring:".to_owned())),
        ),
        (
            0,
            filter(|it| it.correlation_prefix = Some("spring".to_owned())),
        ),
        (
            2,
            Filter {
                since: Some(failed),
                until: Some(later),
                ..Filter::default()
            },
        ),
        (
            0,
            Filter {
                since: Some(later),
                ..Filter::default()
            },
        ),
        (
            0,
            Filter {
                until: Some(failed),
                ..Filter::default()
            },
        ),
    ] {
        let listed = tier.dead_letters.list(&filter, 10).await.unwrap();
        let counted = tier.dead_letters.count(&filter).await.unwrap();
        assert_eq!((listed.len(), counted), (expected, expected as u64));
    }
    let spring = filter(|it| it.correlation_prefix = Some("import:spring:".to_owned()));
    assert_eq!(tier.dead_letters.replay(&spring).await.unwrap(), 1);
    let lanes = |letters: Vec<DeadLetter>| letters.iter().map(|it| it.lane).collect::<Vec<_>>();
    let left = tier.dead_letters.list(&Filter::default(), 10).await;
    assert_eq!(lanes(left.unwrap()), [Lane::Primary]);
    let wrong = filter(|it| it.error = Some("no such shop".to_owned()));
    assert_eq!(tier.dead_letters.purge(&wrong).await.unwrap(), 0);
}

/// It is due at once there, with its failures forgotten, and comes to nobody else.
pub async fn a_replayed_letter_goes_to_its_subscription_alone(fixture: impl Fixture) {
    let tier = ready(&fixture).await;
    publish(&tier, &[message(Some("a"), Priority::Bulk)]).await;
    let given_up = give_up(&tier, "Handler", Lane::Backfill).await;
    let letter = tier
        .dead_letters
        .list(&Filter::default(), 1)
        .await
        .unwrap()
        .remove(0);
    let this = Filter {
        id: Some(letter.id),
        ..Filter::default()
    };
    assert_eq!(tier.dead_letters.replay(&this).await.unwrap(), 1);
    assert_eq!(tier.dead_letters.replay(&this).await.unwrap(), 0);
    let mut feed = claim(&tier, "Handler").await;
    let parked = feed.take_parked(Lane::Backfill, 1).await;
    assert!(feed.fetch(Lane::Backfill, 10).await.is_empty());
    assert!(
        parked[0].due.is_some_and(|due| due <= Timestamp::now()),
        "{parked:?}"
    );
    let delivery = feed
        .fetch_parked(Lane::Backfill, parked[0].position)
        .await
        .unwrap();
    assert_eq!(
        (delivery.message.id, delivery.failures, delivery.lane),
        (given_up[0], 0, Lane::Backfill)
    );
    commit(&tier, settlement("Handler", &delivery, Verdict::Done))
        .await
        .unwrap();
    let mut other = claim(&tier, "Other").await;
    assert!(other.parked(Lane::Backfill, None).await.is_empty());
    let backlog = tier
        .broker
        .backlogs(&[subscription("Handler")])
        .await
        .unwrap()
        .remove(0);
    assert_eq!((backlog[1].lag, backlog[1].dead), (0, 0));
}

/// And only those that were meant.
pub async fn a_purged_letter_is_gone(fixture: impl Fixture) {
    let tier = ready(&fixture).await;
    publish(
        &tier,
        &[
            message(None, Priority::Bulk),
            message(None, Priority::Normal),
        ],
    )
    .await;
    give_up(&tier, "Handler", Lane::Backfill).await;
    give_up(&tier, "Handler", Lane::Primary).await;
    let backfill = Filter {
        lane: Some(Lane::Backfill),
        ..Filter::default()
    };
    assert_eq!(tier.dead_letters.purge(&backfill).await.unwrap(), 1);
    let left = tier
        .dead_letters
        .list(&Filter::default(), 10)
        .await
        .unwrap();
    assert_eq!(
        left.iter().map(|letter| letter.lane).collect::<Vec<_>>(),
        [Lane::Primary]
    );
}
