//! The derives and attributes that an application writes on its domain.
//!
//! They are re-exported by the crate `protean`, to which their output refers; everything that they
//! write can be written by hand as well.

mod attribute;
mod domain;
mod element;
mod errors;
mod field;
mod handler;
mod naming;

use proc_macro::TokenStream;
use syn::{DeriveInput, Result, parse_macro_input};

type Derive = fn(DeriveInput) -> Result<proc_macro2::TokenStream>;

fn derive(input: DeriveInput, derive: Derive) -> TokenStream {
    derive(input)
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

/// An aggregate.
#[proc_macro_derive(Aggregate, attributes(aggregate, id, field))]
pub fn derive_aggregate(input: TokenStream) -> TokenStream {
    derive(
        parse_macro_input!(input as DeriveInput),
        element::aggregate::derive,
    )
}

/// A command.
#[proc_macro_derive(Command, attributes(command, id, field))]
pub fn derive_command(input: TokenStream) -> TokenStream {
    derive(
        parse_macro_input!(input as DeriveInput),
        element::command::derive,
    )
}

/// An event.
#[proc_macro_derive(Event, attributes(event, id, field))]
pub fn derive_event(input: TokenStream) -> TokenStream {
    derive(
        parse_macro_input!(input as DeriveInput),
        element::event::derive,
    )
}

/// A projection.
#[proc_macro_derive(Projection, attributes(projection, id, field))]
pub fn derive_projection(input: TokenStream) -> TokenStream {
    derive(
        parse_macro_input!(input as DeriveInput),
        element::projection::derive,
    )
}

/// A domain.
#[proc_macro_derive(Domain, attributes(domain))]
pub fn derive_domain(input: TokenStream) -> TokenStream {
    derive(parse_macro_input!(input as DeriveInput), domain::derive)
}

/// A command handler.
#[proc_macro_attribute]
pub fn command_handler(arguments: TokenStream, item: TokenStream) -> TokenStream {
    handler::command::attribute(arguments.into(), item.into()).into()
}

/// An event handler.
#[proc_macro_attribute]
pub fn event_handler(arguments: TokenStream, item: TokenStream) -> TokenStream {
    handler::event::attribute(arguments.into(), item.into()).into()
}

/// A projector.
#[proc_macro_attribute]
pub fn projector(arguments: TokenStream, item: TokenStream) -> TokenStream {
    handler::projector::attribute(arguments.into(), item.into()).into()
}
