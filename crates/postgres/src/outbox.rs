//! The outbox, as a broker apart from the database reads it.
