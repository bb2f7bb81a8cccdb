//! The deterministic simulation: the scheduler, the governor, the relay's window and the claims of
//! several processes, in simulated time, under schedules that a seed decides.
//!
//! What is real: `lane::Scheduler`, `governor::Level` and `governor::Sense`, `settled::Settled`,
//! `hand::Hand`, `order::part` and `window::Depth`. What is modelled are the statements of PostgreSQL
//! (`store/`) and the commands of Redis (`redis/`), each of which happens at once and takes time
//! before and after; and the tasks that send them (`process/`, `feed/`), in the shape of those of
//! the engine and of the adapters. A process can be killed between any two statements.
//!
//! At every step the promises of the lanes contract are checked (`invariants/`). That a check is
//! sharp is shown by [`Planted`] bugs, each of which the simulation has to find.

mod blows;
mod clock;
mod contention;
mod feed;
mod invariants;
mod ledger;
mod message;
mod plan;
mod planted;
mod process;
mod producer;
mod random;
mod redis;
mod schedule;
mod store;
mod watch;
mod world;

pub use invariants::Invariant;
pub use planted::Planted;
pub use schedule::{Failure, Report, run, run_traced};
pub use watch::Violation;
