//! The application at work: where commands come in and views are read.

mod chunk;
mod headroom;
pub mod import;
mod inline;
mod process;
mod process_all;
mod sent;
mod view;

use std::sync::Arc;
use std::time::Duration;

use futures_core::Stream;

use crate::config::{Config, Processing};
use crate::domain::{Domain, Prepared, Registry, RoutedIn};
use crate::failure::Reason;
use crate::lane::Routing;
use crate::port::broker::Subscription;
use crate::port::store::Refused;
use crate::port::{Tier, Tracer};
use crate::schema::{Invalid, Record};
use crate::unit::{Names, Session};
use crate::{Failure, Lane, Priority, naming, port, priority};

pub use import::{Iter, iter};
pub use process::{Inline, Process, Receipt, Submission};
pub use process_all::ProcessAll;
pub use view::{Page, Select, View};

/// A handle on a running domain: a cheap clone, shared by all tasks.
pub struct App<D> {
    inner: Arc<Inner<D>>,
    priority: Option<Priority>,
    correlation_id: Option<Arc<str>>,
    tracer: Option<Arc<dyn Tracer>>,
}

struct Inner<D> {
    domain: D,
    registry: Registry<D>,
    names: Arc<Names>,
    tier: Tier,
    config: Config,
}

/// Why a command was not accepted, or not done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It breaks rules of its fields; nothing was stored.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// Its handler, called inline, did not do it; nothing was stored.
    #[error("{0}")]
    Failed(Failure),
    /// It was processed before, under the same idempotency key, so there is no reply to give.
    #[error("[PE0120] the command was processed before, as {id}")]
    Duplicate {
        /// The id of the command that was accepted first.
        id: uuid::Uuid,
    },
    /// The store did not take it.
    #[error(transparent)]
    Store(#[from] port::Error),
}

impl Error {
    fn refused(refused: Refused) -> Self {
        match refused {
            Refused::Store(error) => Self::Store(error),
            Refused::Conflict { table, id } => Self::Failed(Reason::Conflict { table, id }.into()),
            Refused::Exists { table, what } => Self::Failed(Reason::Exists { table, what }.into()),
            other => Self::Failed(Failure::transient(other.to_string())),
        }
    }
}

impl<D> Clone for App<D> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            priority: self.priority,
            correlation_id: self.correlation_id.clone(),
            tracer: self.tracer.clone(),
        }
    }
}

impl<D: Domain> App<D> {
    /// The domain, at work on these adapters.
    #[must_use]
    pub fn new(domain: D, tier: Tier, config: Config) -> Self {
        let lanes = &config.server.priority_lanes;
        let routing = Routing {
            enabled: lanes.enabled,
            threshold: Priority::new(lanes.threshold),
        };
        let inner = Inner {
            domain,
            registry: Registry::of(),
            names: Arc::new(Names::of::<D>(routing)),
            tier,
            config,
        };
        Self {
            inner: Arc::new(inner),
            priority: None,
            correlation_id: None,
            tracer: None,
        }
    }

    /// A handle whose commands, and whose server, this tracer is told of.
    #[must_use]
    pub fn with_tracer(&self, tracer: Arc<dyn Tracer>) -> Self {
        Self {
            tracer: Some(tracer),
            ..self.clone()
        }
    }

    /// A handle whose commands have this priority unless they say otherwise.
    #[must_use]
    pub fn with_priority(&self, priority: Priority) -> Self {
        Self {
            priority: Some(priority),
            ..self.clone()
        }
    }

    /// A handle whose commands have this correlation id.
    #[must_use]
    pub fn with_correlation_id(&self, correlation_id: impl Into<Arc<str>>) -> Self {
        Self {
            correlation_id: Some(correlation_id.into()),
            ..self.clone()
        }
    }

    /// Asks for a command to be done. Nothing happens until the returned builder is awaited.
    ///
    /// Accepted means durable: the command will take effect exactly once (L9), after the caller
    /// has its receipt, or before if `command_processing = "sync"`.
    pub fn process<C: RoutedIn<D>>(&self, command: C) -> Process<'_, D, C> {
        Process::new(self, command)
    }

    /// Asks for all commands of a stream to be done, however many there are; see [`iter`] for those
    /// of an iterator. Nothing happens until the outcomes are asked for, which come in the order of
    /// the commands: a [`Receipt`], which says whether the command is new or a duplicate, or why it
    /// was not accepted. A command that breaks rules costs only itself.
    ///
    /// Commands are written in chunks, each in one durable write, and a source that takes its time
    /// keeps nobody waiting for a full chunk. With `max_backlog` under `[server.priority_lanes]`
    /// it waits while that many backfill commands of the stream are not handled yet. See
    /// [`ProcessAll`] for what it holds, and what holds when it is dropped.
    ///
    /// ```
    /// use protean_core::app::{App, Error, Submission, iter};
    /// use protean_core::domain::{Domain, RoutedIn};
    ///
    /// /// Takes all of them in, and says how many are new and how many are no good.
    /// async fn take_in<D: Domain, C: RoutedIn<D>>(
    ///     app: &App<D>,
    ///     commands: Vec<(String, C)>,
    /// ) -> Result<(u64, u64), Error> {
    ///     let submissions = commands
    ///         .into_iter()
    ///         .map(|(key, command)| Submission::new(command).idempotency_key(key));
    ///     let mut outcomes = app.process_all(iter(submissions));
    ///     let (mut new, mut bad) = (0, 0);
    ///     while let Some(outcome) = outcomes.next().await {
    ///         match outcome {
    ///             Ok(receipt) => new += u64::from(!receipt.duplicate),
    ///             Err(Error::Invalid(_)) => bad += 1,
    ///             Err(other) => return Err(other),
    ///         }
    ///     }
    ///     Ok((new, bad))
    /// }
    /// ```
    pub fn process_all<S, C>(&self, source: S) -> ProcessAll<D, S>
    where
        S: Stream<Item = Submission<C>>,
        C: RoutedIn<D>,
    {
        let stream = naming::command_stream(D::NAME, <C::Aggregate as Record>::SCHEMA.table);
        ProcessAll::new(self.clone(), source, &stream)
    }

    /// Asks for some commands to be done, in one durable write. The outcomes are in the order of
    /// the commands; a command that breaks rules costs only itself.
    ///
    /// Meant for some hundreds of commands at most: memory and write time grow with the number, and
    /// `max_backlog` does not hold them back. [`process_all`](Self::process_all) takes any number.
    ///
    /// # Errors
    /// Per command: its violations, or the store's own failure.
    pub async fn process_chunk<C: RoutedIn<D>>(
        &self,
        submissions: impl IntoIterator<Item = Submission<C>>,
    ) -> Vec<Result<Receipt, Error>> {
        let submissions = submissions.into_iter();
        let messages = submissions.map(|one| self.compose(one)).collect();
        chunk::submit::<D, C>(self, messages).await
    }

    /// Asks for some commands to be done that were made ready by name, of any types, in one durable
    /// write: what [`process_chunk`](Self::process_chunk) does, for whoever does not know the types.
    ///
    /// # Errors
    /// Per command: the store's own failure. Their rules were checked when they were prepared.
    pub async fn process_prepared(
        &self,
        submissions: impl IntoIterator<Item = Submission<Prepared>>,
    ) -> Vec<Result<Receipt, Error>> {
        chunk::submit_prepared(self, submissions).await
    }

    /// The rows of a projection.
    #[must_use]
    pub fn view<P: crate::domain::Projection>(&self) -> View<P> {
        View::new(self.inner.tier.store.clone())
    }

    /// What the domain consists of.
    #[must_use]
    pub fn registry(&self) -> &Registry<D> {
        &self.inner.registry
    }

    /// The subscriptions of the domain, in the order of its fields.
    #[must_use]
    pub fn subscriptions(&self) -> Vec<Subscription> {
        let all = self.inner.registry.subscriptions().iter();
        all.map(|known| Subscription::new(known.name, known.stream.clone()))
            .collect()
    }

    /// The domain itself.
    #[must_use]
    pub fn domain(&self) -> &D {
        &self.inner.domain
    }

    /// The adapters.
    #[must_use]
    pub fn tier(&self) -> &Tier {
        &self.inner.tier
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.inner.config
    }

    /// The names and the routing rule.
    #[must_use]
    pub fn names(&self) -> &Arc<Names> {
        &self.inner.names
    }

    /// Who is told what is sent and handled, if anybody.
    #[must_use]
    pub fn tracer(&self) -> Option<&Arc<dyn Tracer>> {
        self.tracer.as_ref()
    }

    /// Hands over the spans that have ended so far, and waits for that at most so long: for a
    /// program that is about to end. A server does it itself.
    pub async fn flush_spans(&self, within: Duration) {
        let Some(tracer) = self.tracer.clone() else {
            return;
        };
        // It fails only when the runtime is ending, and then nobody waits for spans.
        let _ = tokio::task::spawn_blocking(move || tracer.flush(within)).await;
    }

    /// The same handle, of whose commands no tracer is told.
    fn without_tracer(&self) -> Self {
        Self {
            tracer: None,
            ..self.clone()
        }
    }

    /// A session for work on this lane.
    #[must_use]
    pub fn session(&self, lane: Lane) -> Session {
        Session::new(
            self.inner.tier.store.clone(),
            self.inner.names.clone(),
            lane,
        )
    }

    /// The priority of this handle, or of the scope around the task.
    fn ambient_priority(&self) -> Option<Priority> {
        self.priority.or_else(priority::scoped)
    }

    fn handles_commands_inline(&self) -> bool {
        self.inner.config.command_processing == Processing::Sync
    }
}
