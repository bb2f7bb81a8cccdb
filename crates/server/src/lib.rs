//! The engine: lanes, subscriptions, retries and dead letters.
