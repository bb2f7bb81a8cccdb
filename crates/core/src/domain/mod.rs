//! The traits under the macros: what aggregates, commands, events, projections, handlers and
//! domains are.
//!
//! The derives and attributes write these impls; all of them can be written by hand.

mod intake;
mod registry;
mod traits;

pub(crate) use intake::Content;
pub use intake::{Intake, Prepared, WHOLE};
pub use registry::{Registry, Route, RouteMany, Subscriber, Subscription};
pub use traits::{
    Aggregate, Command, Domain, Event, EventSet, Handle, Has, Part, PartOf, Payload, Project,
    ProjectMany, Projection, React, ReactMany, RoutedIn,
};
