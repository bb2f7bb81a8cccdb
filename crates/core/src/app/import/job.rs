//! Imports as operators have them: looked at, paused, resumed and cancelled.

use std::time::Duration;

use tokio::time::Instant;

use super::{Error, Record};
use crate::app::App;
use crate::domain::{Domain, Subscriber};
use crate::port::broker::{Settlement, Subscription, Verdict};
use crate::port::dead_letters::{DeadLetter, Filter};
use crate::port::imports::{Hold, Imports as Port, Plan, State, Unsettled, correlation_prefix};
use crate::port::store::{Commit, Refused};
use crate::{Lane, port};

/// How long an import is waited for that somebody else runs: longer than a runner takes to hear that
/// it is cancelled, and than a store takes to notice that a runner is dead.
const HOLD_PATIENCE: Duration = Duration::from_secs(5);

/// Between two tries to have it.
const HOLD_PAUSE: Duration = Duration::from_millis(20);

/// Commands that are withdrawn together: a write of some milliseconds.
const WITHDRAW_COUNT: usize = 500;

/// The imports of a domain.
pub struct Imports<'a, D> {
    app: &'a App<D>,
}

/// What cancelling came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cancelled {
    /// The import as it is now.
    pub import: Record,
    /// Commands that were withdrawn now: nobody handles them.
    pub withdrawn: u64,
}

impl<'a, D: Domain> Imports<'a, D> {
    pub(super) const fn new(app: &'a App<D>) -> Self {
        Self { app }
    }

    /// The imports, newest first, at most `count_max`.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn list(&self, count_max: usize) -> Result<Vec<Record>, port::Error> {
        self.app.tier().imports.list(count_max).await
    }

    /// The import with this name.
    ///
    /// # Errors
    /// When there is none, or the store cannot answer.
    pub async fn find(&self, name: &str) -> Result<Record, Error> {
        let found = self.app.tier().imports.find(name).await?;
        let name = name.to_owned();
        found.ok_or(Error::Unknown { name })
    }

    /// Has an import stand still, or go on; its runner does so within a second. Says what was asked
    /// of it before, which is all that happens when it is over.
    ///
    /// # Errors
    /// When there is none, or the store cannot answer.
    pub async fn ask(&self, name: &str, state: State) -> Result<State, Error> {
        let before = self.app.tier().imports.ask(name, state).await?;
        let name = name.to_owned();
        before.ok_or(Error::Unknown { name })
    }

    /// Ends an import where it is, and withdraws its commands that nobody has handled, those that
    /// are set aside among them. Each is handled or withdrawn, never both and never neither (L9).
    /// What was handled stays, and so does what that caused. Asking again goes on withdrawing.
    ///
    /// # Errors
    /// When there is none, its runner does not let go of it, or the store cannot answer.
    pub async fn cancel(&self, name: &str) -> Result<Cancelled, Error> {
        self.ask(name, State::Cancelled).await?;
        let imports = &self.app.tier().imports;
        // From here on nobody submits any more of it.
        let _hold = hold(&**imports, name).await?;
        let mut withdrawn = 0;
        for subscription in self.command_handlers() {
            withdrawn += self.withdraw_queued(&subscription, name).await?;
            // After the queues: what is in somebody's hands is settled by now, and not set aside.
            withdrawn += self.withdraw_parked(&subscription, name).await?;
        }
        imports.count_withdrawn(name, withdrawn).await?;
        let import = self.find(name).await?;
        Ok(Cancelled { import, withdrawn })
    }

    /// What was given up of an import and of what it caused, oldest first, at most `count_max`.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn failures(
        &self,
        name: &str,
        count_max: usize,
    ) -> Result<Vec<DeadLetter>, port::Error> {
        let filter = Filter {
            correlation_prefix: Some(correlation_prefix(name)),
            ..Filter::default()
        };
        self.app.tier().dead_letters.list(&filter, count_max).await
    }

    pub(super) const fn app(&self) -> &App<D> {
        self.app
    }

    fn command_handlers(&self) -> Vec<Subscription> {
        let all = self.app.registry().subscriptions().iter();
        all.filter(|known| known.subscriber == Subscriber::CommandHandler)
            .map(|known| Subscription::new(known.name, known.stream.clone()))
            .collect()
    }

    async fn withdraw_queued(&self, of: &Subscription, name: &str) -> Result<u64, Error> {
        let imports = &self.app.tier().imports;
        let (mut withdrawn, mut after) = (0, None);
        loop {
            let found = imports.queued(of, name, after, WITHDRAW_COUNT).await?;
            let Some(last) = found.last() else {
                return Ok(withdrawn);
            };
            after = Some(last.place);
            withdrawn += self.withdraw(of, &found).await?;
        }
    }

    async fn withdraw_parked(&self, of: &Subscription, name: &str) -> Result<u64, Error> {
        let imports = &self.app.tier().imports;
        let mut withdrawn = 0;
        loop {
            let found = imports.parked(of, name, WITHDRAW_COUNT).await?;
            let count = self.withdraw(of, &found).await?;
            withdrawn += count;
            if count == 0 {
                return Ok(withdrawn);
            }
        }
    }

    /// Settles commands, unless they were handled first; says how many.
    async fn withdraw(&self, of: &Subscription, found: &[Unsettled]) -> Result<u64, Error> {
        let commit = |one: &Unsettled| Commit {
            settlements: vec![Settlement {
                subscription: of.clone(),
                lane: one.lane,
                place: one.place,
                position: one.position,
                verdict: Verdict::Withdrawn,
                handling: None,
            }],
            ..Commit::default()
        };
        if found.is_empty() {
            return Ok(0);
        }
        let commits = found.iter().map(commit).collect();
        let mut withdrawn = 0;
        // Production does not wait for it.
        for result in self.app.tier().store.commit(Lane::Backfill, commits).await {
            match result {
                Ok(_) => withdrawn += 1,
                Err(Refused::Settled) => {}
                Err(Refused::Store(error)) => return Err(error.into()),
                Err(other) => {
                    let (what, why) = ("the withdrawal".to_owned(), other.to_string());
                    return Err(port::Error::Failed { what, why }.into());
                }
            }
        }
        Ok(withdrawn)
    }
}

/// Waits for the right to run an import.
pub(super) async fn hold(imports: &dyn Port, name: &str) -> Result<Hold, Error> {
    let deadline = Instant::now() + HOLD_PATIENCE;
    loop {
        if let Some(hold) = imports.hold(name).await? {
            return Ok(hold);
        }
        if Instant::now() >= deadline {
            let name = name.to_owned();
            return Err(Error::Busy { name });
        }
        // sleep: between two tries, since nobody tells when it is free
        tokio::time::sleep(HOLD_PAUSE).await;
    }
}

/// Whether an import may go on as what it is now.
pub(super) fn same(plan: &Plan, record: &Record) -> Result<(), Error> {
    let name = plan.name.clone();
    let known = &record.plan;
    if record.state == State::Cancelled {
        let rows = record.progress.rows;
        return Err(Error::Cancelled { name, rows });
    }
    let (was, is) = (known.priority.to_string(), plan.priority.to_string());
    for (what, expected, found) in [
        ("content", &known.digest, &plan.digest),
        ("mapping", &known.arguments, &plan.arguments),
        ("priority", &was, &is),
    ] {
        if expected != found {
            let (expected, found) = (expected.clone(), found.clone());
            return Err(Error::Changed {
                name,
                what,
                expected,
                found,
            });
        }
    }
    Ok(())
}
