//! Carries what production waits for to Redis as soon as it is committed, ahead of the relay.
//!
//! Redis takes a message only if it is the next of its queue, in one step, as from a relay: so
//! nothing is published twice, and nothing before what was committed earlier. What it does not take,
//! and what nobody could carry, is the relay's.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError, Weak};
use std::time::Duration;

use protean_core::Lane;
use protean_core::message::envelope;
use protean_core::port::broker::Published;
use protean_postgres::outbox::{self, Logged};
use redis::{RedisError, RedisResult};
use tokio::sync::mpsc;

use crate::broker::Inner;
use crate::entry::Place;
use crate::relay::PRIMARY_WINDOW;
use crate::script::CARRY;

/// Messages that wait to be carried at most. Where more are committed a relay is quicker: it takes
/// them together.
const WAITING_MAX: usize = 16;

/// How long nothing is carried, at first and at most, after Redis could not be reached.
const RETRY_PAUSE: Duration = Duration::from_millis(50);
const RETRY_PAUSE_MAX: Duration = Duration::from_secs(1);

/// What carries the messages of this process.
#[derive(Debug)]
pub(crate) struct Carrier {
    to_carry: mpsc::Sender<Logged>,
    /// Where they wait, until somebody carries them.
    waiting: Mutex<Option<mpsc::Receiver<Logged>>>,
    /// Whether Redis could be reached when it was tried last. Not before it was: a process that ends
    /// with its first commit leaves it to the relay.
    reached: AtomicBool,
    broker: Weak<Inner>,
}

impl Carrier {
    pub(crate) fn new(broker: Weak<Inner>) -> Self {
        let (to_carry, waiting) = mpsc::channel(WAITING_MAX);
        Self {
            to_carry,
            waiting: Mutex::new(Some(waiting)),
            reached: AtomicBool::new(false),
            broker,
        }
    }

    /// Carries from now on, unless it does.
    fn start(&self) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(waiting) = waiting.take() {
            tokio::spawn(run(self.broker.clone(), waiting));
        }
    }
}

impl outbox::Carrier for Carrier {
    fn is_ready(&self) -> bool {
        self.start();
        self.reached.load(Ordering::Relaxed) && self.to_carry.capacity() > 0
    }

    fn carry(&self, logged: Logged) {
        if let Err(refused) = self.to_carry.try_send(logged)
            && let Some(broker) = self.broker.upgrade()
        {
            leave(&broker, &refused.into_inner());
        }
    }
}

/// Carries what waits, for as long as the broker is there.
async fn run(broker: Weak<Inner>, mut waiting: mpsc::Receiver<Logged>) {
    let mut pause = RETRY_PAUSE;
    while let Some(inner) = broker.upgrade() {
        let reached = reach(&inner).await;
        inner
            .carrier
            .reached
            .store(reached.is_ok(), Ordering::Relaxed);
        drop(inner);
        let lost = match reached {
            Ok(()) => {
                pause = RETRY_PAUSE;
                carry_all(&broker, &mut waiting).await
            }
            Err(error) => Some(error),
        };
        let Some(error) = lost else { return };
        tracing::debug!(%error, "Redis is away; messages are left to the relay");
        // sleep: a server that is away is not asked without a pause
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(RETRY_PAUSE_MAX);
    }
}

/// Makes the connection, and the script known.
async fn reach(inner: &Inner) -> RedisResult<()> {
    let link = &inner.links[Lane::Primary.index()];
    let call = CARRY.prepare_invoke();
    link.run(async |link| call.load_async(link).await)
        .await
        .map(drop)
}

/// Carries until Redis cannot be reached, which it answers with, or until the broker is gone.
async fn carry_all(
    broker: &Weak<Inner>,
    waiting: &mut mpsc::Receiver<Logged>,
) -> Option<RedisError> {
    while let Some(logged) = waiting.recv().await {
        let inner = broker.upgrade()?;
        match carry(&inner, &logged).await {
            Ok(true) => {}
            Ok(false) => leave(&inner, &logged),
            Err(error) => {
                inner.carrier.reached.store(false, Ordering::Relaxed);
                leave(&inner, &logged);
                while let Ok(next) = waiting.try_recv() {
                    leave(&inner, &next);
                }
                return Some(error);
            }
        }
    }
    None
}

/// Publishes a message, if it is the next of its queue and its stream has room; says whether.
async fn carry(inner: &Inner, logged: &Logged) -> RedisResult<bool> {
    let (stream, lane) = (&logged.message.stream, Lane::Primary);
    let mut call = CARRY.prepare_invoke();
    call.key(inner.keys.relay(stream, lane));
    call.key(inner.keys.stream(stream, lane));
    call.arg(logged.queue)
        .arg(logged.sequence.saturating_sub(1));
    call.arg(logged.sequence).arg(PRIMARY_WINDOW);
    call.arg(envelope::encode(&logged.message));
    call.arg(Place::of(logged).encode());
    let link = &inner.links[lane.index()];
    link.run(async |link| call.invoke_async(link).await).await
}

/// Leaves a message to the relays.
fn leave(inner: &Inner, logged: &Logged) {
    let published = Published::new(logged.message.stream.clone(), Lane::Primary);
    inner.outbox.call_relays(published);
}
