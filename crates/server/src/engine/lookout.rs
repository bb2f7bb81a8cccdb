//! Looks out for backfill that makes no progress, and says so (L6).

use std::sync::Arc;

use protean_core::Lane;
use protean_core::domain::Domain;
use protean_core::port::broker::{Backlog, Subscription};

use super::context::Context;
use crate::stall::{Change, Sight, Watch};

/// How often is looked, in parts of the patience: a stall is noticed that much later at most.
const LOOKS_PER_PATIENCE: u32 = 6;

/// Looks at every backfill lane now and then, until it is dropped. While the store is away nobody
/// can tell what waits, and the feeders say that it is away.
pub(super) async fn look_out<D: Domain>(context: Arc<Context<D>>) {
    let patience = context.monitor.stall_patience();
    let mut watches = vec![Watch::new(patience); context.subscriptions.len()];
    loop {
        // sleep: the interval between two looks
        tokio::time::sleep(patience / LOOKS_PER_PATIENCE).await;
        let asked = context.app.tier().broker.backlogs(&context.subscriptions);
        let backlogs = match asked.await {
            Ok(backlogs) => backlogs,
            Err(error) => {
                tracing::debug!(%error, "nobody knows what waits");
                continue;
            }
        };
        for (nth, (watch, lanes)) in watches.iter_mut().zip(&backlogs).enumerate() {
            let sight = sight(&context, nth, &lanes[Lane::Backfill.index()]);
            if let Some(change) = watch.look(context.now(), &sight) {
                tell(&context.subscriptions[nth], change);
            }
            context.monitor.set_stall(nth, watch.stall());
        }
    }
}

fn sight<D: Domain>(context: &Context<D>, nth: usize, backlog: &Backlog) -> Sight {
    Sight {
        waiting: backlog.lag,
        rate_per_second: backlog.rate_per_second,
        settled: context.monitor.meters(nth, Lane::Backfill).settled(),
        standing: context.monitor.standing(nth),
        is_production_about: context.app.tier().broker.governor().is_production_about,
    }
}

fn tell(subscription: &Subscription, change: Change) {
    let (name, stream) = (&*subscription.name, &*subscription.stream);
    match change {
        Change::Stalled(stall) => tracing::warn!(
            subscription = name,
            stream,
            cause = stall.cause.name(),
            waiting = stall.waiting,
            lasted_s = stall.lasted.as_secs(),
            "backfill makes no progress: {}",
            stall.cause
        ),
        Change::Moves(after) => tracing::info!(
            subscription = name,
            stream,
            lasted_s = after.as_secs(),
            "backfill makes progress again"
        ),
    }
}
