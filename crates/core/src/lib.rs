//! Messages, priorities, domain traits, unit of work and the ports of Protean.
//!
//! Nothing here opens a file or a socket: stores and brokers are [`port`]s, which the adapters
//! implement and the engine drives.

pub mod app;
pub mod config;
pub mod domain;
pub mod failure;
pub mod governor;
pub mod hand;
pub mod id;
pub mod interner;
pub mod lane;
pub mod message;
pub mod naming;
pub mod order;
pub mod port;
pub mod priority;
pub mod schema;
pub mod settled;
pub mod tally;
pub mod thread;
pub mod throttle;
pub mod traceparent;
pub mod unit;
pub mod window;

use std::future::Future;
use std::pin::Pin;

pub use app::App;
pub use failure::Failure;
pub use lane::Lane;
pub use priority::Priority;

/// A boxed future, which is what lets ports and handlers be chosen at run time.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What the macros' output refers to; not part of the public interface.
#[doc(hidden)]
pub mod __private {
    pub use crate::schema::payload::{Keys, present};
    pub use serde;
    pub use serde_json;
    pub use uuid::Uuid;
}
