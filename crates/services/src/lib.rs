//! PostgreSQL and Redis servers that a test or a demonstration starts for itself.
//!
//! Tests against servers that somebody set up beforehand fail on the next machine, and cannot kill
//! the server to see what happens. Here every test starts its own, on a free port of 127.0.0.1
//! with its data in a temporary folder, and as many at once as it likes:
//!
//! ```no_run
//! # fn main() -> Result<(), protean_services::Error> {
//! let postgres = protean_services::Postgres::start()?;
//! let database = postgres.create_database()?;
//! postgres.kill()?;
//! postgres.start_again()?;
//! # drop(database);
//! # Ok(())
//! # }
//! ```
//!
//! A server ends and its folder goes when its value is dropped, and also when the process that
//! started it dies without a word. [`Proxy`] puts a cable between a client and a server that can be
//! cut.
//!
//! Everything here blocks the thread, and works on Linux. A program that is not installed is an
//! error that says what to install.

mod account;
mod error;
mod guard;
mod port;
pub mod postgres;
mod program;
mod proxy;
pub mod redis;
mod server;
mod wait;

pub use error::Error;
pub use postgres::Postgres;
pub use proxy::{Proxy, rewrite};
pub use redis::Redis;
