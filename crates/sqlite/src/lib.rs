//! The embedded tier: store, event log and broker in one SQLite file.
