//! Tells other processes that this server is alive, and how it stands with its subscriptions.

use std::process;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use protean_core::domain::Domain;
use protean_core::port::servers::{LeftAlone, Served, Server, TELL_INTERVAL};
use rustix::system::uname;
use tokio::time::MissedTickBehavior;
use uuid::Uuid;

use super::context::Context;
use crate::lane;

/// How long a goodbye may take: a store that is away finds out by itself.
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(1);

/// This process, as this worker of its supervisor; it has no part in anything yet.
pub(super) fn server(worker: u32) -> Server {
    Server {
        id: Uuid::now_v7(),
        host: uname().nodename().to_string_lossy().into_owned(),
        pid: process::id(),
        worker,
        started: Timestamp::now(),
        draining: false,
        parts: Vec::new(),
    }
}

/// Tells it again and again, and at once when something has changed, until it is dropped.
pub(super) async fn tell<D: Domain>(context: Arc<Context<D>>) {
    let mut ticks = tokio::time::interval(TELL_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = context.changed.notified() => {}
        }
        let told = context.app.tier().servers.tell(&now(&context)).await;
        if let Err(error) = told {
            tracing::debug!(%error, "no sign of life");
        }
    }
}

/// Waits until others may have what this engine had, so that the process does not end before.
pub(super) async fn release<D: Domain>(context: &Context<D>) {
    let released = context.app.tier().broker.release();
    match tokio::time::timeout(GOODBYE_TIMEOUT, released).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "others have to find out what is free"),
        Err(_) => tracing::debug!("others have to find out what is free"),
    }
}

/// Says goodbye.
pub(super) async fn leave<D: Domain>(context: &Context<D>) {
    let left = context.app.tier().servers.leave(context.server.id);
    match tokio::time::timeout(GOODBYE_TIMEOUT, left).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "nobody heard the goodbye"),
        Err(_) => tracing::debug!("nobody heard the goodbye in time"),
    }
}

/// This process, as it is now.
fn now<D: Domain>(context: &Context<D>) -> Server {
    let part = |(nth, known): (usize, &protean_core::port::broker::Subscription)| {
        let standing = context.monitor.standing(nth);
        standing.claimed.then(|| Served {
            name: known.name.clone(),
            stream: known.stream.clone(),
            left_alone: standing.left_alone.map(|it| by_the_wall(context, it)),
        })
    };
    let known = context.subscriptions.iter().enumerate();
    Server {
        draining: !context.monitor.is_running(),
        parts: known.filter_map(part).collect(),
        ..context.server.clone()
    }
}

/// The times of the scheduler, by the clock that others have, too.
fn by_the_wall<D: Domain>(context: &Context<D>, left_alone: lane::LeftAlone) -> LeftAlone {
    let (elapsed, now) = (context.now(), Timestamp::now());
    let wall = |time: Duration| match time.checked_sub(elapsed) {
        Some(ahead) => now.saturating_add(ahead).unwrap_or(now),
        None => now.saturating_sub(elapsed - time).unwrap_or(now),
    };
    LeftAlone {
        since: wall(left_alone.since),
        probe: left_alone.probe.map(wall),
    }
}
