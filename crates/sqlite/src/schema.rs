//! The framework's own tables.

use rusqlite::Connection;

/// The layout of the tables below. A file with another one was made by another version.
pub(crate) const VERSION: i64 = 2;

/// The layout in which heads and the newest position were written down.
const COUNTED: i64 = 1;

/// The lane of messages that were handled inline, and are delivered to nobody.
pub(crate) const INLINE_LANE: i64 = 2;

/// The queue of all messages, whose numbers are their positions.
pub(crate) const LOG: i64 = 0;

/// The number of the last message that queue `q` has taken in. It is written down nowhere else, so
/// that to publish a message writes no more than the message.
pub(crate) const HEAD: &str = "MAX(
    COALESCE((SELECT MAX(sequence) FROM protean_message WHERE queue = q.id), 0),
    COALESCE((SELECT sequence FROM protean_trimmed WHERE queue = q.id), 0))";

/// The newest position that was given, as [`HEAD`].
pub(crate) const POSITION: &str = "SELECT MAX(
    COALESCE((SELECT MAX(position) FROM protean_message), 0),
    COALESCE((SELECT sequence FROM protean_trimmed WHERE queue = 0), 0))";

/// Each stream, lane and band is a queue, whose messages are numbered from 1 without gaps: lag is
/// a subtraction, and a cursor is one number. Up to a number, a queue may be trimmed: what everybody
/// had handled is gone, and who comes new begins after it; what is trimmed of queue [`LOG`] are
/// positions. Rows are appended and indexes grow at their ends. A throttle without a rate is a pause.
/// A trace is about some messages of a queue that one run handled.
const TABLES: &str = "
CREATE TABLE IF NOT EXISTS protean_meta (
    key TEXT PRIMARY KEY NOT NULL,
    value INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS protean_queue (
    id INTEGER PRIMARY KEY,
    stream TEXT NOT NULL,
    lane INTEGER NOT NULL,
    band INTEGER NOT NULL,
    UNIQUE (stream, lane, band)
);
CREATE TABLE IF NOT EXISTS protean_trimmed (
    queue INTEGER PRIMARY KEY,
    sequence INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS protean_message (
    position INTEGER PRIMARY KEY,
    queue INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    id BLOB NOT NULL,
    kind INTEGER NOT NULL,
    type TEXT NOT NULL,
    key TEXT,
    priority INTEGER NOT NULL,
    time INTEGER NOT NULL,
    correlation_id TEXT NOT NULL,
    causation_id BLOB,
    sequence_id TEXT,
    idempotency_key TEXT,
    traceparent TEXT,
    data TEXT NOT NULL,
    rest TEXT
);
CREATE UNIQUE INDEX IF NOT EXISTS protean_message_queue ON protean_message (queue, sequence);
CREATE INDEX IF NOT EXISTS protean_message_key ON protean_message (key) WHERE key IS NOT NULL;
CREATE INDEX IF NOT EXISTS protean_message_correlation ON protean_message (correlation_id);
CREATE TABLE IF NOT EXISTS protean_idempotency (
    key BLOB PRIMARY KEY NOT NULL,
    position INTEGER NOT NULL,
    id BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS protean_cursor (
    subscription TEXT NOT NULL,
    queue INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    ahead TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (subscription, queue)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS protean_parked (
    subscription TEXT NOT NULL,
    stream TEXT NOT NULL,
    position INTEGER NOT NULL,
    lane INTEGER NOT NULL,
    due INTEGER,
    failures INTEGER NOT NULL,
    failed_first INTEGER,
    error TEXT NOT NULL,
    PRIMARY KEY (subscription, stream, position)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS protean_parked_position ON protean_parked (position);
CREATE TABLE IF NOT EXISTS protean_dead_letter (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    subscription TEXT NOT NULL,
    stream TEXT NOT NULL,
    position INTEGER NOT NULL,
    lane INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    failed_first INTEGER NOT NULL,
    failed_last INTEGER NOT NULL,
    error TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS protean_dead_letter_subscription
    ON protean_dead_letter (subscription, stream, lane);
CREATE INDEX IF NOT EXISTS protean_dead_letter_position ON protean_dead_letter (position);
CREATE TABLE IF NOT EXISTS protean_trace (
    id INTEGER PRIMARY KEY,
    subscription TEXT NOT NULL,
    lane INTEGER NOT NULL,
    queue INTEGER NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    ranges TEXT,
    attempt INTEGER NOT NULL,
    outcome INTEGER NOT NULL,
    started INTEGER NOT NULL,
    took INTEGER NOT NULL,
    error TEXT
);
CREATE INDEX IF NOT EXISTS protean_trace_queue ON protean_trace (queue, first);
CREATE TABLE IF NOT EXISTS protean_gauge (
    subscription TEXT NOT NULL,
    stream TEXT NOT NULL,
    lane INTEGER NOT NULL,
    in_flight INTEGER NOT NULL,
    rate REAL NOT NULL,
    updated INTEGER NOT NULL,
    PRIMARY KEY (subscription, stream, lane)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS protean_throttle (
    subscription TEXT PRIMARY KEY NOT NULL,
    rate REAL,
    updated INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS protean_import (
    name TEXT PRIMARY KEY NOT NULL,
    source TEXT NOT NULL,
    digest TEXT NOT NULL,
    arguments TEXT NOT NULL,
    priority INTEGER NOT NULL,
    state TEXT NOT NULL,
    runner BLOB NOT NULL,
    row_count INTEGER NOT NULL DEFAULT 0,
    accepted INTEGER NOT NULL DEFAULT 0,
    duplicates INTEGER NOT NULL DEFAULT 0,
    rejected INTEGER NOT NULL DEFAULT 0,
    rejects_bytes INTEGER NOT NULL DEFAULT 0,
    last INTEGER NOT NULL DEFAULT 0,
    withdrawn INTEGER NOT NULL DEFAULT 0,
    started INTEGER NOT NULL,
    updated INTEGER NOT NULL
) WITHOUT ROWID;
";

/// The tables above, for removing and emptying them.
pub(crate) const NAMES: [&str; 12] = [
    "protean_queue",
    "protean_trimmed",
    "protean_message",
    "protean_idempotency",
    "protean_cursor",
    "protean_parked",
    "protean_dead_letter",
    "protean_trace",
    "protean_gauge",
    "protean_throttle",
    "protean_import",
    "protean_meta",
];

/// Creates what is missing and says which version the file has.
pub(crate) fn create(connection: &Connection) -> rusqlite::Result<i64> {
    connection.execute_batch(TABLES)?;
    connection.execute(
        "INSERT INTO protean_meta (key, value) VALUES ('version', ?1) ON CONFLICT (key) DO NOTHING",
        [VERSION],
    )?;
    let version = "SELECT value FROM protean_meta WHERE key = 'version'";
    let version = || connection.query_row(version, [], |row| row.get(0));
    if version()? == COUNTED {
        leave_to_count(connection)?;
    }
    version()
}

/// Makes a file of layout [`COUNTED`] one of this layout. What was counted and is not in the log any
/// more is trimmed.
fn leave_to_count(connection: &Connection) -> rusqlite::Result<()> {
    let transaction = connection.unchecked_transaction()?;
    transaction.execute(
        "INSERT INTO protean_trimmed (queue, sequence)
         SELECT ?1, value FROM protean_meta WHERE key = 'position' AND value > 0
         ON CONFLICT (queue) DO UPDATE SET sequence = excluded.sequence",
        [LOG],
    )?;
    transaction.execute_batch(
        "DELETE FROM protean_meta WHERE key = 'position';
         ALTER TABLE protean_queue DROP COLUMN head;",
    )?;
    transaction.execute(
        "UPDATE protean_meta SET value = ?1 WHERE key = 'version'",
        [VERSION],
    )?;
    transaction.commit()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was written down there is not forgotten: numbers go on, also where the messages are gone
    /// that had the last ones.
    #[test]
    fn a_file_of_the_layout_before_is_taken_over() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(TABLES).unwrap();
        connection
            .execute_batch(
                "ALTER TABLE protean_queue ADD COLUMN head INTEGER NOT NULL DEFAULT 0;
                 INSERT INTO protean_meta VALUES ('version', 1), ('position', 7);
                 INSERT INTO protean_queue (id, stream, lane, band, head)
                     VALUES (1, 'a', 0, 0, 3), (2, 'b', 0, 0, 4);
                 INSERT INTO protean_trimmed VALUES (1, 3), (2, 2);
                 INSERT INTO protean_message
                     (position, queue, sequence, id, kind, type, priority, time, correlation_id, data)
                     VALUES (5, 2, 3, '', 0, '', 0, 0, '', ''), (6, 2, 4, '', 0, '', 0, 0, '', '');",
            )
            .unwrap();
        for _ in 0..2 {
            assert_eq!(create(&connection).unwrap(), VERSION);
            let number = |sql: &str| connection.query_row(sql, [], |row| row.get(0));
            assert_eq!(number(POSITION), Ok(7));
            for (queue, expected) in [(1, 3), (2, 4)] {
                let sql = format!("SELECT {HEAD} FROM protean_queue AS q WHERE q.id = {queue}");
                assert_eq!(number(&sql), Ok(expected), "queue {queue}");
            }
        }
    }
}
