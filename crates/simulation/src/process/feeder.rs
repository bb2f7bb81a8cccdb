//! The readers: a task for each lane of each subscription, as in the engine.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use protean_core::Lane;
use protean_core::port::broker::Place;

use super::{Event, Process};
use crate::clock::{Clock, Mailbox};
use crate::feed::Feed;
use crate::message::{Delivery, MessageId};

/// How long a reader waits, at first and at most, before it asks again.
const RETRY_PAUSE: Duration = Duration::from_millis(50);
const RETRY_PAUSE_MAX: Duration = Duration::from_secs(2);

/// Asks until there is an answer.
macro_rules! patiently {
    ($clock:expr, $ask:expr) => {{
        let mut pause = RETRY_PAUSE;
        loop {
            match $ask.await {
                Ok(answer) => break answer,
                Err(_) => {
                    $clock.sleep(pause).await;
                    pause = (pause * 2).min(RETRY_PAUSE_MAX);
                }
            }
        }
    }};
}

/// What the engine asks a feeder for.
pub(super) enum Request {
    Fetch { count_max: usize },
    FetchParked { id: MessageId, key: Option<u64> },
    ListParked,
}

/// What a feeder tells the engine.
pub(crate) enum Answer {
    Claimed {
        parked: Vec<(MessageId, Duration)>,
    },
    Fetched {
        lane: Lane,
        found: Vec<Delivery>,
        more: bool,
    },
    FetchedParked {
        lane: Lane,
        id: MessageId,
        key: Option<u64>,
        found: Option<Delivery>,
    },
    Parked {
        parked: Vec<(MessageId, Duration)>,
    },
}

/// What the engine has of a feeder.
pub(super) struct Feeder {
    pub(super) requests: Rc<Mailbox<Request>>,
    settled: RefCell<Vec<Place>>,
}

impl Feeder {
    pub(super) fn new() -> Rc<Self> {
        Rc::new(Self {
            requests: Mailbox::new(),
            settled: RefCell::default(),
        })
    }

    pub(super) fn settled(&self, clock: &Clock, places: Vec<Place>) {
        self.settled.borrow_mut().extend(places);
        self.requests.poke(clock);
    }
}

/// Claims the subscription, then answers the requests for both lanes.
pub(super) async fn feed(process: Rc<Process>, subscription: usize, feeders: [Rc<Feeder>; 2]) {
    let clock = &process.world.clock;
    let consumer = patiently!(clock, process.join(subscription));
    let mut parked = Vec::new();
    for (lane, feeder) in Lane::ALL.into_iter().zip(feeders) {
        let feed = Feed::new(&process, subscription, lane, &consumer);
        parked.extend(patiently!(clock, feed.list_parked()));
        let serve = serve(process.clone(), subscription, lane, feed, feeder);
        process.world.clock.spawn(process.owner, serve);
    }
    let claimed = Event::Fed(subscription, Answer::Claimed { parked });
    process.inbox.send(clock, claimed);
}

async fn serve(
    process: Rc<Process>,
    subscription: usize,
    lane: Lane,
    mut feed: Feed,
    feeder: Rc<Feeder>,
) {
    let clock = &process.world.clock;
    loop {
        if let Some(request) = feeder.requests.try_recv() {
            let answer = answer(clock, &mut feed, lane, request).await;
            process.inbox.send(clock, Event::Fed(subscription, answer));
            continue;
        }
        let places = feeder.settled.take();
        if !places.is_empty() {
            patiently!(clock, feed.settled(&places));
            continue;
        }
        feeder.requests.wait(clock, None).await;
    }
}

async fn answer(clock: &Clock, feed: &mut Feed, lane: Lane, request: Request) -> Answer {
    match request {
        Request::Fetch { count_max } => {
            feed.note("fetches");
            let found = patiently!(clock, feed.fetch(count_max));
            feed.note("has fetched");
            let more = found.len() >= count_max;
            Answer::Fetched { lane, found, more }
        }
        Request::FetchParked { id, key } => {
            let found = patiently!(clock, feed.fetch_parked(id));
            Answer::FetchedParked {
                lane,
                id,
                key,
                found,
            }
        }
        Request::ListParked => {
            let parked = patiently!(clock, feed.list_parked());
            Answer::Parked { parked }
        }
    }
}
