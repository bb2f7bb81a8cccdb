//! What the macros make of a domain: payloads, rules, records, schemas and subscriptions.

mod handlers;
mod inside_a_function;
mod inside_a_macro;
mod intakes;
mod payloads;
mod records;
mod registry;
mod rules;
mod schemas;
pub mod shadowed_names;
mod shop;
