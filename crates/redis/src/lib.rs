//! The broker of the distributed tier: Redis Streams, fed from the outbox in PostgreSQL.
