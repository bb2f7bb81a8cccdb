//! What the macros make of a domain: payloads, rules, records, schemas and subscriptions.

mod handlers;
mod intakes;
mod payloads;
mod records;
mod registry;
mod rules;
mod schemas;
mod shop;
