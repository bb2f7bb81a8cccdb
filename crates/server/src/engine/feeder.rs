//! The readers: one task per subscription, which claims it and fetches what the scheduler asks for.

use std::sync::Arc;
use std::time::Duration;

use protean_core::Lane;
use protean_core::domain::Domain;
use protean_core::port::broker::{Delivery, Feed, Parked};
use protean_core::port::store::Position;
use tokio::sync::mpsc;

use super::context::Context;

/// How often a subscription that another process holds is asked for. The holder's death frees it at
/// once, so this is how long a standby needs at most to take over.
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
    Fetch {
        lane: Lane,
        count_max: usize,
    },
    FetchParked {
        lane: Lane,
        position: u64,
        key: Option<u64>,
    },
    ListParked,
}

/// What a feeder tells the engine.
pub(super) enum Answer {
    Claimed {
        parked: Vec<Parked>,
    },
    Fetched {
        lane: Lane,
        deliveries: Vec<Delivery>,
        more: bool,
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

/// Claims the subscription as soon as nobody else holds it, then answers requests until there are
/// no more. The claim ends with the task.
pub(super) async fn feed<D: Domain, E: From<(usize, Answer)>>(
    context: Arc<Context<D>>,
    subscription: usize,
    mut requests: mpsc::Receiver<Request>,
    answers: mpsc::Sender<E>,
) {
    let mut feed = claim(&context, subscription).await;
    let parked = patiently!(list_parked(&mut *feed));
    if answers
        .send((subscription, Answer::Claimed { parked }).into())
        .await
        .is_err()
    {
        return;
    }
    while let Some(request) = requests.recv().await {
        let answer = answer(&mut *feed, request).await;
        if answers.send((subscription, answer).into()).await.is_err() {
            return;
        }
    }
}

async fn claim<D: Domain>(context: &Context<D>, subscription: usize) -> Box<dyn Feed> {
    let wanted = &context.subscriptions[subscription];
    let broker = &context.app.tier().broker;
    let mut told = false;
    loop {
        if let Some(feed) = patiently!(broker.claim(wanted)) {
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
        tokio::time::sleep(CLAIM_INTERVAL).await;
    }
}

async fn answer(feed: &mut dyn Feed, request: Request) -> Answer {
    match request {
        Request::Fetch { lane, count_max } => {
            let deliveries = patiently!(feed.fetch(lane, count_max));
            let more = deliveries.len() >= count_max;
            Answer::Fetched {
                lane,
                deliveries,
                more,
            }
        }
        Request::FetchParked {
            lane,
            position,
            key,
        } => {
            let positions = [Position(position)];
            let mut found = patiently!(feed.fetch_parked(&positions));
            Answer::FetchedParked {
                lane,
                position,
                key,
                delivery: found.pop(),
            }
        }
        Request::ListParked => {
            let parked = patiently!(list_parked(&mut *feed));
            Answer::Parked { parked }
        }
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
