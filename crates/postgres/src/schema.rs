//! The framework's own tables.

use deadpool_postgres::GenericClient;
use tokio_postgres::Error;

use crate::locks;

/// The layout of the tables below. A database with another one was made by another version.
pub(crate) const VERSION: i64 = 1;

/// Each stream, lane and band is a queue, whose messages are numbered from 1 without gaps, under
/// the lock of the queue's row: what is committed later has a greater number, lag is a subtraction,
/// and a cursor is one number. `previous` is the number of the last message before with the same
/// key (L8). Up to a number, a queue may be trimmed: what everybody had handled is gone, and who comes
/// new begins after it. A throttle without a rate is a pause. A trace is about some messages of a queue that one
/// run handled, and says in microseconds how long that took.
///
/// PostgreSQL reads 300 rows of a table for each unit of its greatest `STATISTICS`, 30,000 unless
/// told otherwise, and sorts the values of each column that has any: a quarter of a second of a
/// processor for the messages of an import. Rows are found by keys, so that a tenth will do, and
/// nothing of columns that no condition is on.
const TABLES: &str = "
CREATE TABLE IF NOT EXISTS protean_meta (
    key text PRIMARY KEY,
    value bigint NOT NULL
);
CREATE TABLE IF NOT EXISTS protean_queue (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    stream text NOT NULL,
    lane smallint NOT NULL,
    band smallint NOT NULL,
    head bigint NOT NULL DEFAULT 0,
    UNIQUE (stream, lane, band)
) WITH (fillfactor = 50);
CREATE TABLE IF NOT EXISTS protean_trimmed (
    queue bigint PRIMARY KEY,
    sequence bigint NOT NULL
) WITH (fillfactor = 50);
CREATE TABLE IF NOT EXISTS protean_message (
    position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    queue bigint NOT NULL,
    sequence bigint NOT NULL,
    previous bigint,
    id uuid NOT NULL,
    event boolean NOT NULL,
    type text NOT NULL,
    key text,
    priority integer NOT NULL,
    time timestamptz NOT NULL,
    correlation_id text NOT NULL,
    causation_id uuid,
    sequence_id text,
    idempotency_key text,
    traceparent text,
    data text NOT NULL,
    rest text
);
CREATE UNIQUE INDEX IF NOT EXISTS protean_message_queue ON protean_message (queue, sequence);
CREATE INDEX IF NOT EXISTS protean_message_key ON protean_message (key, queue, sequence)
    WHERE key IS NOT NULL;
CREATE INDEX IF NOT EXISTS protean_message_correlation ON protean_message (correlation_id);
CREATE TABLE IF NOT EXISTS protean_idempotency (
    key bytea PRIMARY KEY,
    position bigint NOT NULL,
    id uuid NOT NULL
);
CREATE TABLE IF NOT EXISTS protean_cursor (
    subscription text NOT NULL,
    queue bigint NOT NULL,
    sequence bigint NOT NULL DEFAULT 0,
    ahead text NOT NULL DEFAULT '',
    PRIMARY KEY (subscription, queue)
) WITH (fillfactor = 50);
CREATE TABLE IF NOT EXISTS protean_handout (
    subscription text NOT NULL,
    queue bigint NOT NULL,
    handed bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (subscription, queue)
) WITH (fillfactor = 50);
CREATE TABLE IF NOT EXISTS protean_consumer (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    seen timestamptz NOT NULL
) WITH (fillfactor = 50);
CREATE TABLE IF NOT EXISTS protean_lease (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subscription text NOT NULL,
    queue bigint NOT NULL,
    first bigint NOT NULL,
    last bigint NOT NULL,
    owner bigint
);
CREATE INDEX IF NOT EXISTS protean_lease_owner ON protean_lease (owner);
CREATE TABLE IF NOT EXISTS protean_parked (
    subscription text NOT NULL,
    stream text NOT NULL,
    position bigint NOT NULL,
    lane smallint NOT NULL,
    key text,
    due timestamptz,
    failures integer NOT NULL,
    failed_first timestamptz,
    error text NOT NULL,
    owner bigint,
    PRIMARY KEY (subscription, stream, position)
);
CREATE INDEX IF NOT EXISTS protean_parked_position ON protean_parked (position);
CREATE TABLE IF NOT EXISTS protean_dead_letter (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subscription text NOT NULL,
    stream text NOT NULL,
    position bigint NOT NULL,
    lane smallint NOT NULL,
    attempts integer NOT NULL,
    failed_first timestamptz NOT NULL,
    failed_last timestamptz NOT NULL,
    error text NOT NULL,
    mirror text
);
CREATE INDEX IF NOT EXISTS protean_dead_letter_subscription
    ON protean_dead_letter (subscription, stream, lane);
CREATE INDEX IF NOT EXISTS protean_dead_letter_position ON protean_dead_letter (position);
CREATE INDEX IF NOT EXISTS protean_dead_letter_mirror
    ON protean_dead_letter (lane) WHERE mirror IS NULL;
CREATE TABLE IF NOT EXISTS protean_trace (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subscription text NOT NULL,
    lane smallint NOT NULL,
    queue bigint NOT NULL,
    first bigint NOT NULL,
    last bigint NOT NULL,
    ranges text,
    attempt integer NOT NULL,
    outcome smallint NOT NULL,
    started timestamptz NOT NULL,
    took bigint NOT NULL,
    error text
);
CREATE INDEX IF NOT EXISTS protean_trace_queue ON protean_trace (queue, first);
CREATE TABLE IF NOT EXISTS protean_mirror_gone (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    stream text NOT NULL,
    lane smallint NOT NULL,
    mirror text NOT NULL
);
CREATE TABLE IF NOT EXISTS protean_gauge (
    subscription text NOT NULL,
    stream text NOT NULL,
    lane smallint NOT NULL,
    process text NOT NULL,
    in_flight bigint NOT NULL,
    rate double precision NOT NULL,
    updated timestamptz NOT NULL,
    PRIMARY KEY (subscription, stream, lane, process)
);
CREATE TABLE IF NOT EXISTS protean_throttle (
    subscription text PRIMARY KEY,
    rate double precision,
    updated timestamptz NOT NULL
);
CREATE TABLE IF NOT EXISTS protean_server (
    id uuid PRIMARY KEY,
    started timestamptz NOT NULL,
    seen timestamptz NOT NULL,
    told text NOT NULL
) WITH (fillfactor = 50);
CREATE TABLE IF NOT EXISTS protean_import (
    name text PRIMARY KEY,
    source text NOT NULL,
    digest text NOT NULL,
    arguments text NOT NULL,
    priority integer NOT NULL,
    state text NOT NULL,
    runner uuid NOT NULL,
    row_count bigint NOT NULL DEFAULT 0,
    accepted bigint NOT NULL DEFAULT 0,
    duplicates bigint NOT NULL DEFAULT 0,
    rejected bigint NOT NULL DEFAULT 0,
    rejects_bytes bigint NOT NULL DEFAULT 0,
    last bigint NOT NULL DEFAULT 0,
    withdrawn bigint NOT NULL DEFAULT 0,
    started timestamptz NOT NULL,
    updated timestamptz NOT NULL
) WITH (fillfactor = 50);
CREATE TABLE IF NOT EXISTS protean_taken_in (
    stream text NOT NULL,
    id uuid NOT NULL,
    position bigint NOT NULL,
    PRIMARY KEY (stream, id)
);
CREATE TABLE IF NOT EXISTS protean_relay (
    queue bigint PRIMARY KEY,
    sequence bigint NOT NULL
) WITH (fillfactor = 50);
ALTER TABLE protean_message ALTER position SET STATISTICS 10, ALTER queue SET STATISTICS 10,
    ALTER sequence SET STATISTICS 10, ALTER previous SET STATISTICS 0,
    ALTER id SET STATISTICS 10, ALTER event SET STATISTICS 0, ALTER type SET STATISTICS 10,
    ALTER key SET STATISTICS 10, ALTER priority SET STATISTICS 0, ALTER time SET STATISTICS 10,
    ALTER correlation_id SET STATISTICS 10, ALTER causation_id SET STATISTICS 0,
    ALTER sequence_id SET STATISTICS 0, ALTER idempotency_key SET STATISTICS 0,
    ALTER traceparent SET STATISTICS 0, ALTER data SET STATISTICS 0, ALTER rest SET STATISTICS 0;
ALTER TABLE protean_idempotency ALTER key SET STATISTICS 10, ALTER position SET STATISTICS 10,
    ALTER id SET STATISTICS 0;
ALTER TABLE protean_trace ALTER id SET STATISTICS 10, ALTER subscription SET STATISTICS 10,
    ALTER lane SET STATISTICS 10, ALTER queue SET STATISTICS 10, ALTER first SET STATISTICS 10,
    ALTER last SET STATISTICS 0, ALTER ranges SET STATISTICS 0, ALTER attempt SET STATISTICS 0,
    ALTER outcome SET STATISTICS 0, ALTER started SET STATISTICS 10, ALTER took SET STATISTICS 0,
    ALTER error SET STATISTICS 0;
INSERT INTO protean_meta (key, value) VALUES ('version', 1) ON CONFLICT DO NOTHING;
";

/// The tables above, for removing and emptying them.
pub(crate) const NAMES: [&str; 19] = [
    "protean_queue",
    "protean_trimmed",
    "protean_message",
    "protean_idempotency",
    "protean_cursor",
    "protean_handout",
    "protean_consumer",
    "protean_lease",
    "protean_parked",
    "protean_dead_letter",
    "protean_trace",
    "protean_mirror_gone",
    "protean_gauge",
    "protean_throttle",
    "protean_server",
    "protean_import",
    "protean_taken_in",
    "protean_relay",
    "protean_meta",
];

/// Begins a transaction in which nobody else makes or changes tables.
pub(crate) async fn begin(client: &impl GenericClient) -> Result<(), Error> {
    client.batch_execute("BEGIN").await?;
    client
        .execute("SELECT pg_advisory_xact_lock($1)", &[&locks::SETUP])
        .await
        .map(drop)
}

/// The version of the layout; `None` while there are no tables.
pub(crate) async fn version(client: &impl GenericClient) -> Result<Option<i64>, Error> {
    let known = client
        .query_one("SELECT to_regclass('protean_meta') IS NOT NULL", &[])
        .await?;
    if !known.get::<_, bool>(0) {
        return Ok(None);
    }
    let sql = "SELECT value FROM protean_meta WHERE key = 'version'";
    Ok(client.query_opt(sql, &[]).await?.map(|row| row.get(0)))
}

/// Creates what is missing.
pub(crate) async fn create(client: &impl GenericClient) -> Result<(), Error> {
    client.batch_execute(TABLES).await
}
