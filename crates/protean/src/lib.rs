//! An application framework for event-driven systems in which bulk work never delays production
//! traffic.

pub mod cli;
pub mod config_file;

mod open;

pub use open::{OpenError, connect, open, serve, serve_watched};
pub use protean_core::thread::{processor_time, stand_back};
pub use protean_core::{
    App, BoxFuture, Failure, Lane, Priority, app, config, domain, failure, id, lane, message,
    naming, port, priority, schema, throttle, traceparent, unit,
};
pub use protean_macros::{
    Aggregate, Command, Domain, Event, Projection, command_handler, event_handler, projector,
};
pub use protean_server::monitor::catalog as metrics;
pub use protean_server::{Monitor, Options, Summary, stall};

/// What the macros' output refers to; not part of the public interface.
#[doc(hidden)]
pub mod __private {
    pub use protean_core::__private::*;
}

/// What a domain's modules use: `use protean::prelude::*;`.
pub mod prelude {
    pub use jiff::Timestamp;
    pub use protean_core::schema::Invalid;
    pub use protean_core::unit::{Root, Rows, Unit, Units};
    pub use protean_core::{App, Failure, Priority, id};
    pub use protean_macros::{
        Aggregate, Command, Domain, Event, Projection, command_handler, event_handler, projector,
    };
    pub use rust_decimal::Decimal;
}

/// The application in the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
