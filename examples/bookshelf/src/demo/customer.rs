//! A customer who orders books over HTTP, and watches the clock.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::MissedTickBehavior;

use super::ORDER_INTERVAL;
use super::client::{Client, ORDER};
use super::latency::Latencies;

/// Between two looks at an order that is not handled yet.
const LOOK_INTERVAL: Duration = Duration::from_millis(1);

/// The longest time an order may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A customer: a cheap clone.
#[derive(Clone)]
pub(super) struct Customer {
    inner: Arc<Inner>,
}

struct Inner {
    client: Client,
    latencies: Mutex<Latencies>,
    orders: Mutex<Vec<String>>,
}

/// A customer who goes on ordering.
pub(super) struct Ordering {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<()>>,
}

impl Ordering {
    /// Places no more orders; returns when all are handled.
    pub(super) async fn stop(self) -> Result<()> {
        // When nobody listens any more, the task says why.
        let _ = self.stop.send(());
        self.task.await?
    }
}

impl Customer {
    pub(super) fn new(address: &str) -> Result<Self> {
        let inner = Inner {
            client: Client::new(address)?,
            latencies: Mutex::default(),
            orders: Mutex::default(),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Places so many orders, at the usual distance; returns when all are handled.
    pub(super) async fn order_times(&self, times: u32) -> Result<()> {
        let mut left = times;
        self.order_while(|| {
            left = left.saturating_sub(1);
            left > 0
        })
        .await
    }

    /// Places orders until told to stop.
    pub(super) fn start_ordering(&self) -> Ordering {
        let (stop, mut stopped) = oneshot::channel();
        let customer = self.clone();
        let task = tokio::spawn(async move {
            customer
                .order_while(|| {
                    matches!(stopped.try_recv(), Err(oneshot::error::TryRecvError::Empty))
                })
                .await
        });
        Ordering { stop, task }
    }

    /// The ids of all orders.
    pub(super) fn orders(&self) -> Vec<String> {
        lock(&self.inner.orders).clone()
    }

    /// What was measured since the last call.
    pub(super) fn take_latencies(&self) -> Latencies {
        std::mem::take(&mut lock(&self.inner.latencies))
    }

    /// Every order is a task of its own: one that takes long does not put the next one off.
    async fn order_while(&self, mut go_on: impl FnMut() -> bool + Send) -> Result<()> {
        let mut orders = JoinSet::new();
        let mut ticks = tokio::time::interval(ORDER_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let customer = self.clone();
            orders.spawn(async move { customer.order().await });
            while let Some(done) = orders.try_join_next() {
                done??;
            }
            if !go_on() {
                break;
            }
        }
        while let Some(done) = orders.join_next().await {
            done??;
        }
        Ok(())
    }

    /// Places an order and looks until it is handled.
    async fn order(&self) -> Result<()> {
        let mut connection = self.inner.client.connect().await?;
        let started = Instant::now();
        let answer = connection.post("/orders", ORDER).await?;
        let accepted = started.elapsed();
        let id = answer.accepted("order_id")?;
        let path = format!("/orders/{id}");
        while connection.get(&path).await?.status != 200 {
            if started.elapsed() > PATIENCE {
                bail!("the order {id} was not handled in {PATIENCE:?}");
            }
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
        lock(&self.inner.latencies).add(accepted, started.elapsed());
        lock(&self.inner.orders).push(id);
        self.inner.client.keep(connection);
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
