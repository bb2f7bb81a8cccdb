//! The engine as a task among those that it starts.
//!
//! A task that another one wakes is run next on the same thread, where all it needs is at hand. To
//! wake one from outside takes a thread that sleeps, which on an idle machine is as long as many a
//! handler takes: a message passes half a dozen tasks.

use std::future::Future;

use protean_core::domain::Domain;
use protean_core::port::broker::Listener;
use tokio::sync::oneshot;
use tokio::task::{JoinError, JoinSet};

use super::Summary;
use super::state::Engine;

/// Runs an engine until `shutdown` resolves and it has ended. `shutdown` is not polled before the
/// engine runs.
///
/// # Cancel safety
/// The engine is dropped with it.
pub(super) async fn run<D: Domain>(
    engine: Engine<D>,
    listener: Box<dyn Listener>,
    shutdown: impl Future<Output = ()>,
) -> Summary {
    let (begun, begins) = oneshot::channel();
    let (stop, stops) = oneshot::channel::<()>();
    let asked = async move {
        let _ = begun.send(());
        let _ = stops.await;
    };
    let mut task = JoinSet::new();
    task.spawn(engine.run(listener, asked));
    // An engine that ends before it begins has panicked, which is told below.
    let _ = begins.await;
    tokio::select! {
        biased;
        Some(ended) = task.join_next() => return told(ended),
        () = shutdown => drop(stop),
    }
    task.join_next().await.map_or_else(Summary::default, told)
}

/// What an engine says at its end; its panic goes on here.
fn told(ended: Result<Summary, JoinError>) -> Summary {
    match ended.map_err(JoinError::try_into_panic) {
        Ok(summary) => summary,
        Err(Ok(panic)) => std::panic::resume_unwind(panic),
        Err(Err(_cancelled)) => Summary {
            interrupted: true,
            ..Summary::default()
        },
    }
}
