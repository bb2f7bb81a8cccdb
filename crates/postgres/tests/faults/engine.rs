//! A little engine: it claims, fetches, commits and tells what is settled, as the real one does, so
//! that a test can break the tier under it. Every message has a row as its effect, and a journal
//! says what was handed out out of order.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use protean_core::config::CrossLaneOrder;
use protean_core::message::Message;
use protean_core::port::Tier;
use protean_core::port::broker::{Delivery, Feed, Place, Verdict};
use protean_core::port::store::{Commit, Refused};
use protean_core::{Lane, Priority};
use protean_testing::item::{insert, look_again, message, settlement, subscription};
use tokio::task::JoinSet;
use uuid::Uuid;

/// Keys of the messages of one lane.
const KEYS: u64 = 7;

/// Messages that are fetched at once.
const FETCH: usize = 50;

/// How long a test waits until everything is handled.
const PATIENCE: Duration = Duration::from_secs(40);

/// How long an engine waits before it asks again where there was nothing.
const LOOK_INTERVAL: Duration = Duration::from_millis(5);

/// Messages with these numbers; those of a key have theirs in order.
pub(crate) fn numbered(numbers: std::ops::Range<u64>, priority: Priority) -> Vec<Message> {
    let one = |number: u64| {
        let key = format!("{}-{}", priority.value(), number % KEYS);
        let mut message = message(Some(&key), priority);
        message.sequence_id = Some(number.to_string());
        message
    };
    numbers.map(one).collect()
}

/// A number below a limit, another one each time.
pub(crate) fn random_below(limit: u64) -> u64 {
    let (_, low) = Uuid::new_v4().as_u64_pair();
    low % limit
}

/// Waits for a random time.
pub(crate) async fn at_random(longest: Duration) {
    let micros = u64::try_from(longest.as_micros()).unwrap();
    // sleep: a random instant
    tokio::time::sleep(Duration::from_micros(random_below(micros.max(1)))).await;
}

/// What was handed to whom, and in which order.
#[derive(Default)]
pub(crate) struct Journal {
    book: Mutex<Book>,
}

#[derive(Default)]
struct Book {
    engines: u64,
    /// The messages of each subscription's keys that were handed out, by their numbers.
    keys: HashMap<(String, String), BTreeMap<u64, Life>>,
    wrong: Vec<String>,
}

/// What became of a message.
#[derive(Default)]
struct Life {
    holders: HashSet<u64>,
    /// Whether somebody has begun to commit it.
    sent: bool,
}

impl Journal {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn engine(&self) -> u64 {
        let mut book = self.book();
        book.engines += 1;
        book.engines
    }

    /// An engine was handed a message: nothing of its key may be in other hands, or come later.
    fn handed(&self, engine: u64, name: &str, delivery: &Delivery) {
        let Some((key, number)) = numbers(&delivery.message) else {
            return;
        };
        let mut book = self.book();
        let lives = book.keys.entry((name.to_owned(), key.clone())).or_default();
        let last = lives.keys().next_back().copied();
        let late = last.filter(|last| *last > number && !lives.contains_key(&number));
        let before = lives.range(..number).next_back();
        let early = before.filter(|(_, before)| !before.sent && !before.holders.contains(&engine));
        let wrong = match (late, early) {
            (Some(last), _) => Some(format!("{name} was handed {number} of {key} after {last}")),
            (_, Some((before, _))) => Some(format!(
                "{name} was handed {number} of {key} while {before} was in other hands"
            )),
            (None, None) => None,
        };
        lives.entry(number).or_default().holders.insert(engine);
        book.wrong.extend(wrong);
    }

    fn sent(&self, name: &str, delivery: &Delivery) {
        let Some((key, number)) = numbers(&delivery.message) else {
            return;
        };
        let mut book = self.book();
        let lives = book.keys.entry((name.to_owned(), key)).or_default();
        lives.entry(number).or_default().sent = true;
    }

    fn wrong(&self, what: String) {
        self.book().wrong.push(what);
    }

    /// Fails when anything was out of order (L8), or refused that should not have been.
    pub(crate) fn assert_right(&self) {
        let wrong = std::mem::take(&mut self.book().wrong);
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}

/// The key and the number of a message, if it has them.
fn numbers(message: &Message) -> Option<(String, u64)> {
    let number = message.sequence_id.as_deref()?.parse().ok()?;
    Some((message.key.clone()?, number))
}

/// One process's part in a subscription. It ends when this is dropped.
pub(crate) struct Engine {
    _lanes: JoinSet<()>,
}

/// What both lanes of an engine know.
#[derive(Clone)]
struct Context {
    tier: Tier,
    name: String,
    engine: u64,
    journal: Arc<Journal>,
    slowness: Duration,
}

impl Engine {
    /// Handles the messages of a subscription, those of each key in up to `slowness`.
    pub(crate) fn start(
        tier: &Tier,
        name: &str,
        journal: &Arc<Journal>,
        slowness: Duration,
    ) -> Self {
        let context = Context {
            tier: tier.clone(),
            name: name.to_owned(),
            engine: journal.engine(),
            journal: journal.clone(),
            slowness,
        };
        let mut lanes = JoinSet::new();
        lanes.spawn(async move {
            let [primary, backfill] = context.claim().await;
            let other = context.clone();
            tokio::join!(
                context.serve(Lane::Primary, primary),
                other.serve(Lane::Backfill, backfill)
            );
        });
        Self { _lanes: lanes }
    }
}

impl Context {
    async fn claim(&self) -> [Box<dyn Feed>; 2] {
        let subscription = subscription(&self.name);
        loop {
            if let Ok(Some(feeds)) = self
                .tier
                .broker
                .claim(&subscription, CrossLaneOrder::None)
                .await
            {
                return feeds;
            }
            pause().await;
        }
    }

    async fn serve(&self, lane: Lane, mut feed: Box<dyn Feed>) {
        loop {
            // A broker that is away is asked again.
            let deliveries = feed.fetch(FETCH).await.unwrap_or_default();
            if deliveries.is_empty() {
                pause().await;
            }
            for delivery in &deliveries {
                self.journal.handed(self.engine, &self.name, delivery);
            }
            for group in self.groups(&deliveries) {
                if !self.slowness.is_zero() {
                    at_random(self.slowness).await;
                }
                self.commit(lane, &group).await;
                let places: Vec<Place> = group.iter().map(|one| one.place).collect();
                while feed.settled(&places).await.is_err() {
                    pause().await;
                }
            }
        }
    }

    /// All at once, or those of each key by themselves, one key after another in any order.
    fn groups<'d>(&self, deliveries: &'d [Delivery]) -> Vec<Vec<&'d Delivery>> {
        if self.slowness.is_zero() {
            return Vec::from([deliveries.iter().collect()]);
        }
        let mut groups: HashMap<_, Vec<_>> = HashMap::new();
        for delivery in deliveries {
            groups
                .entry(&delivery.message.key)
                .or_default()
                .push(delivery);
        }
        groups.into_values().collect()
    }

    /// Commits the effects of messages, until they have them, whoever gave them.
    async fn commit(&self, lane: Lane, deliveries: &[&Delivery]) {
        let mut left = deliveries.to_vec();
        for delivery in deliveries {
            self.journal.sent(&self.name, delivery);
        }
        while !left.is_empty() {
            let commits = left.iter().map(|one| self.effect(one)).collect();
            let results = self.tier.store.commit(lane, commits).await;
            let mut failed = Vec::new();
            for (delivery, result) in left.into_iter().zip(results) {
                match result {
                    Ok(_) | Err(Refused::Settled) => {}
                    Err(Refused::Store(error)) if error.is_transient() => failed.push(delivery),
                    Err(other) => self.journal.wrong(other.to_string()),
                }
            }
            left = failed;
        }
    }

    /// A row of its own, so that an effect that happens twice is seen.
    fn effect(&self, delivery: &Delivery) -> Commit {
        let name = format!("{}/{}", self.name, delivery.message.id);
        let mut commit = insert(Uuid::now_v7(), &name, 1);
        commit.settlements = settlement(&self.name, delivery, Verdict::Done).settlements;
        commit
    }
}

async fn pause() {
    // sleep: between two looks at a broker that has nothing, or is away
    tokio::time::sleep(LOOK_INTERVAL).await;
}

/// Waits until these subscriptions have handled everything.
pub(crate) async fn all_handled(tier: &Tier, names: &[&str]) {
    let subscriptions: Vec<_> = names.iter().map(|name| subscription(name)).collect();
    let deadline = Instant::now() + PATIENCE;
    loop {
        // A store that is away says nothing.
        let backlogs = tier
            .broker
            .backlogs(&subscriptions)
            .await
            .unwrap_or_default();
        let lags: Vec<u64> = backlogs.iter().flatten().map(|lane| lane.lag).collect();
        if !lags.is_empty() && lags.iter().all(|lag| *lag == 0) {
            return;
        }
        look_again(deadline, &format!("not everything is handled: {lags:?}")).await;
    }
}
