//! This side's part in its subscription.

use std::time::Instant;

use jiff::Timestamp;
use protean_core::Lane;
use protean_core::config::CrossLaneOrder;
use protean_core::port::Tier;
use protean_core::port::broker::{
    Backlog, Claim, Death, Delivery, Settlement, Subscription, Verdict,
};
use protean_core::port::store::Commit;
use protean_testing::item::{self, PATIENCE, look_again};

use crate::book::{Line, STREAM, book, by_book, check, lane_of};

/// The subscription of this side.
pub(crate) const NAME: &str = "Catalog";

/// This side's part in its subscription.
pub(crate) struct Worker {
    tier: Tier,
    feeds: Claim,
}

impl Worker {
    pub(crate) async fn join(tier: &Tier) -> Self {
        let subscription = Subscription::new(NAME, STREAM);
        let feeds = tier
            .broker
            .claim(&subscription, CrossLaneOrder::None)
            .await
            .unwrap()
            .unwrap();
        Self {
            tier: tier.clone(),
            feeds,
        }
    }

    pub(crate) async fn fetch(&mut self, lane: Lane, count_max: usize) -> Vec<Delivery> {
        self.feeds[lane.index()].fetch(count_max).await.unwrap()
    }

    /// So many messages of a lane, as soon as they are there.
    pub(crate) async fn take(&mut self, lane: Lane, count: usize) -> Vec<Delivery> {
        let deadline = Instant::now() + PATIENCE;
        let mut taken = self.fetch(lane, count).await;
        while taken.len() < count {
            let found = format!("expected {count} messages, found {taken:?}");
            look_again(deadline, &found).await;
            taken.extend(self.fetch(lane, count - taken.len()).await);
        }
        taken
    }

    pub(crate) async fn settle(&mut self, deliveries: &[Delivery], verdict: Verdict) {
        for delivery in deliveries {
            let settlement = Settlement {
                subscription: Subscription::new(NAME, STREAM),
                lane: delivery.lane,
                place: delivery.place,
                position: delivery.position,
                verdict: verdict.clone(),
                handling: None,
            };
            let commit = Commit {
                settlements: vec![settlement],
                ..Commit::default()
            };
            item::commit(&self.tier, commit).await.unwrap();
            let feed = &mut self.feeds[delivery.lane.index()];
            feed.settled(&[delivery.place]).await.unwrap();
        }
    }

    /// Takes what was published and nothing else, checks it, and settles it.
    pub(crate) async fn handle(&mut self, published: &[Line]) {
        let mut lines = by_book(published);
        for lane in Lane::ALL {
            let wanted = |line: &&Line| lane_of(line.priority) == lane;
            let count = published.iter().filter(wanted).count();
            let deliveries = self.take(lane, count).await;
            for delivery in &deliveries {
                let book = book(delivery);
                let line = lines
                    .remove(&book)
                    .unwrap_or_else(|| panic!("not published: {book}"));
                check(delivery, line, lane);
            }
            self.settle(&deliveries, Verdict::Done).await;
        }
        assert!(lines.is_empty(), "never arrived: {lines:?}");
    }

    pub(crate) async fn backlogs(&self) -> [Backlog; 2] {
        let subscriptions = [Subscription::new(NAME, STREAM)];
        let mut backlogs = self.tier.broker.backlogs(&subscriptions).await.unwrap();
        backlogs.remove(0)
    }

    pub(crate) async fn lags(&self) -> [u64; 2] {
        self.backlogs().await.map(|backlog| backlog.lag)
    }
}

/// Has a worker in each of these processes handle what comes, until there were so many.
pub(crate) async fn share(tiers: &[Tier], count: usize) -> Vec<Delivery> {
    const AT_ONCE: usize = 4;
    let mut workers = Vec::new();
    for tier in tiers {
        workers.push(Worker::join(tier).await);
    }
    let deadline = Instant::now() + PATIENCE;
    let mut handled = Vec::new();
    while handled.len() < count {
        let found = format!("expected {count} messages, found {}", handled.len());
        look_again(deadline, &found).await;
        for worker in &mut workers {
            for lane in Lane::ALL {
                let deliveries = worker.fetch(lane, AT_ONCE).await;
                worker.settle(&deliveries, Verdict::Done).await;
                handled.extend(deliveries);
            }
        }
    }
    handled
}

/// The verdict on what no handler takes.
pub(crate) fn given_up() -> Verdict {
    Verdict::Dead(Death {
        attempts: 1,
        failed_first: Timestamp::now(),
        failed_last: Timestamp::now(),
        error: "no handler takes it".to_owned(),
    })
}
