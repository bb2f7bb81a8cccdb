//! The readers: a task for each lane of each subscription, which fetches what the scheduler asks
//! for, and tells the broker what is settled.
//!
//! The lanes have a reader each, so that no primary message waits while backfill is read, and the
//! backfill readers run where backfill work runs (L2).

use std::sync::Arc;
use std::time::Duration;

use protean_core::Lane;
use protean_core::config::CrossLaneOrder;
use protean_core::domain::Domain;
use protean_core::port::broker::{Ahead, Claim, Delivery, Feed, Parked, Place};
use protean_core::port::store::Position;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::context::Context;
use super::withheld::Withheld;

/// How often a subscription that another process holds is asked for. Its death frees it at once and
/// rings no bell, so this is how long a standby needs at most to take over; who stops rings.
const CLAIM_INTERVAL: Duration = Duration::from_millis(250);

/// How long a reader waits, at first and at most, before it asks a broker again that failed.
const RETRY_PAUSE: Duration = Duration::from_millis(50);
const RETRY_PAUSE_MAX: Duration = Duration::from_secs(2);

/// Messages set aside that are read at once.
const PARKED_PAGE: usize = 1_000;

/// Asks until there is an answer: a broker that is away is waited for. A macro, since a closure
/// that lends the feed to a future cannot say that the future may move between threads.
macro_rules! patiently {
    ($ask:expr) => {{
        let mut patience = Patience::new();
        loop {
            match $ask.await {
                Ok(answer) => break answer,
                Err(error) => patience.wait(&error).await,
            }
        }
    }};
}

/// What the engine asks a feeder for.
#[derive(Debug)]
pub(super) enum Request {
    Fetch { count_max: usize },
    FetchParked { position: u64, key: Option<u64> },
    ListParked,
}

/// What the engine has for a feeder.
pub(super) struct Inbox {
    pub(super) requests: mpsc::Receiver<Request>,
    /// The places of what was settled.
    pub(super) settled: mpsc::Receiver<Vec<Place>>,
}

/// What a feeder tells the engine.
pub(super) enum Answer {
    Claimed {
        parked: Vec<Parked>,
    },
    Fetched {
        lane: Lane,
        /// What goes before the deliveries.
        ahead: Ahead,
        deliveries: Vec<Delivery>,
        more: bool,
    },
    /// Something that was not to be had may be had now.
    News {
        lane: Lane,
    },
    FetchedParked {
        lane: Lane,
        position: u64,
        key: Option<u64>,
        delivery: Option<Delivery>,
    },
    Parked {
        parked: Vec<Parked>,
    },
}

/// Claims the subscription as soon as it can be had, then answers the requests for both lanes until
/// there are no more; those for backfill on `backfill`, if there is one. The claim ends with that.
pub(super) async fn feed<D: Domain, E: From<(usize, Answer)> + Send + 'static>(
    context: Arc<Context<D>>,
    subscription: usize,
    inboxes: [Inbox; 2],
    answers: mpsc::Sender<E>,
    backfill_threads: Option<Handle>,
) {
    let [mut primary, mut backfill] = claim(&context, subscription).await;
    let mut parked = patiently!(list_parked(&mut *primary));
    parked.extend(patiently!(list_parked(&mut *backfill)));
    let claimed = (subscription, Answer::Claimed { parked });
    if answers.send(claimed.into()).await.is_err() {
        return;
    }
    let order = context.order;
    let reader = |feed, lane| Reader {
        feed,
        subscription,
        lane,
        order,
        withheld: Withheld::default(),
    };
    let [primary_inbox, backfill_inbox] = inboxes;
    let serve_backfill = reader(backfill, Lane::Backfill).serve(backfill_inbox, answers.clone());
    match backfill_threads {
        Some(threads) => threads.spawn(serve_backfill),
        None => tokio::spawn(serve_backfill),
    };
    reader(primary, Lane::Primary)
        .serve(primary_inbox, answers)
        .await;
}

/// The reader of one lane.
struct Reader {
    feed: Box<dyn Feed>,
    subscription: usize,
    lane: Lane,
    order: CrossLaneOrder,
    withheld: Withheld,
}

impl Reader {
    /// Answers the requests for the lane, and passes on what was settled.
    async fn serve<E: From<(usize, Answer)>>(mut self, inbox: Inbox, answers: mpsc::Sender<E>) {
        let Inbox {
            mut requests,
            mut settled,
        } = inbox;
        loop {
            let answer = tokio::select! {
                biased;
                request = requests.recv() => {
                    let Some(request) = request else { return };
                    if (self.order, self.lane) == (CrossLaneOrder::PerKey, Lane::Backfill) {
                        // What was promoted and is settled must not be handed out once more.
                        self.settle(Vec::new(), &mut settled).await;
                    }
                    self.answer(request).await
                }
                Some(places) = settled.recv() => {
                    self.settle(places, &mut settled).await;
                    continue;
                }
                () = self.withheld.look() => Answer::News { lane: self.lane },
            };
            if answers
                .send((self.subscription, answer).into())
                .await
                .is_err()
            {
                return;
            }
        }
    }

    /// Passes on what was settled, and what was since.
    async fn settle(&mut self, mut places: Vec<Place>, more: &mut mpsc::Receiver<Vec<Place>>) {
        while let Ok(more) = more.try_recv() {
            places.extend(more);
        }
        if !places.is_empty() {
            patiently!(self.feed.settled(&places));
        }
    }

    async fn answer(&mut self, request: Request) -> Answer {
        match request {
            Request::Fetch { count_max } => self.fetch(count_max).await,
            Request::FetchParked { position, key } => {
                let positions = [Position(position)];
                let mut found = patiently!(self.feed.fetch_parked(&positions));
                Answer::FetchedParked {
                    lane: self.lane,
                    position,
                    key,
                    delivery: found.pop(),
                }
            }
            Request::ListParked => {
                let parked = patiently!(list_parked(&mut *self.feed));
                Answer::Parked { parked }
            }
        }
    }

    async fn fetch(&mut self, count_max: usize) -> Answer {
        let room = self.withheld.has_room();
        let mut deliveries = self.withheld.take();
        let mut more = false;
        if room {
            let fetched = patiently!(self.feed.fetch(count_max));
            more = fetched.len() >= count_max;
            deliveries.extend(fetched);
        }
        let mut ahead = Ahead::default();
        if (self.order, self.lane) == (CrossLaneOrder::PerKey, Lane::Primary) {
            let keyed = deliveries.iter().any(|one| one.message.key.is_some());
            if keyed {
                ahead = patiently!(self.feed.ahead(&deliveries));
            }
            deliveries = self.withheld.sort(deliveries, &ahead);
        }
        Answer::Fetched {
            lane: self.lane,
            ahead,
            deliveries,
            more,
        }
    }
}

async fn claim<D: Domain>(context: &Context<D>, subscription: usize) -> Claim {
    let wanted = &context.subscriptions[subscription];
    let broker = &context.app.tier().broker;
    let mut told = false;
    loop {
        let freed = context.freed.notified();
        let turn = context.claiming.acquire().await;
        let claimed = patiently!(broker.claim(wanted, context.order));
        drop(turn);
        if let Some(feed) = claimed {
            tracing::debug!(subscription = %wanted.name, stream = %wanted.stream, "claimed");
            return feed;
        }
        if !told {
            told = true;
            tracing::info!(
                subscription = %wanted.name,
                stream = %wanted.stream,
                "held by another process; standing by"
            );
        }
        // The bell may come too early: of another subscription, or lost to somebody else.
        let _ = tokio::time::timeout(CLAIM_INTERVAL, freed).await;
    }
}

async fn list_parked(feed: &mut dyn Feed) -> Result<Vec<Parked>, protean_core::port::Error> {
    let mut all: Vec<Parked> = Vec::new();
    loop {
        let after = all.last().map(|last| last.position);
        let page = feed.parked(after, PARKED_PAGE).await?;
        let last = page.len() < PARKED_PAGE;
        all.extend(page);
        if last {
            return Ok(all);
        }
    }
}

/// How long to wait before the broker is asked again; longer each time.
struct Patience {
    pause: Duration,
}

impl Patience {
    const fn new() -> Self {
        Self { pause: RETRY_PAUSE }
    }

    async fn wait(&mut self, error: &protean_core::port::Error) {
        let pause_ms = self.pause.as_millis();
        tracing::warn!(%error, pause_ms, "the broker is asked again");
        tokio::time::sleep(self.pause).await;
        self.pause = (self.pause * 2).min(RETRY_PAUSE_MAX);
    }
}
