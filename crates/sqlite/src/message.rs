//! Messages on their way into and out of the log.

use std::sync::Arc;

use jiff::Timestamp;
use protean_core::Priority;
use protean_core::interner::Interner;
use protean_core::message::envelope::Rest;
use protean_core::message::{Kind, Message};
use rusqlite::{CachedStatement, Connection, Row, params};
use uuid::Uuid;

/// The columns that [`read`] wants, for a `SELECT` from `protean_message AS m JOIN protean_queue
/// AS q`.
pub(crate) const COLUMNS: &str = "m.position, m.sequence, q.stream, q.lane, m.id, m.kind, m.type, \
     m.key, m.priority, m.time, m.correlation_id, m.causation_id, m.sequence_id, \
     m.idempotency_key, m.traceparent, m.data, m.rest";

/// How many columns that are.
pub(crate) const COLUMN_COUNT: usize = 17;

const INSERT: &str = "INSERT INTO protean_message (position, queue, sequence, id, kind, type, key, \
     priority, time, correlation_id, causation_id, sequence_id, idempotency_key, traceparent, \
     data, rest) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)";

/// Where a message goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot {
    pub(crate) position: u64,
    pub(crate) queue: i64,
    pub(crate) sequence: u64,
}

/// Writes a message into its slot.
pub(crate) fn insert(
    connection: &Connection,
    slot: Slot,
    message: &Message,
) -> rusqlite::Result<()> {
    let mut insert: CachedStatement<'_> = connection.prepare_cached(INSERT)?;
    insert.execute(params![
        slot.position,
        slot.queue,
        slot.sequence,
        message.id.as_bytes(),
        message.kind == Kind::Event,
        &*message.type_name,
        message.key,
        message.priority.value(),
        message.time.as_microsecond(),
        &*message.correlation_id,
        message.causation_id.as_ref().map(Uuid::as_bytes),
        message.sequence_id,
        message.idempotency_key,
        message.traceparent.as_deref(),
        message.data,
        message
            .rest
            .as_deref()
            .and_then(|rest| serde_json::to_string(rest).ok()),
    ])?;
    Ok(())
}

/// A message as the log holds it.
pub(crate) struct Logged {
    pub(crate) position: u64,
    pub(crate) sequence: u64,
    pub(crate) lane: i64,
    pub(crate) message: Message,
}

/// The message in a row of [`COLUMNS`].
pub(crate) fn read(row: &Row<'_>, interner: &mut Interner) -> rusqlite::Result<Logged> {
    let text = |at| row.get_ref(at).and_then(|found| Ok(found.as_str()?));
    let micros: i64 = row.get(9)?;
    let causation: Option<[u8; 16]> = row.get(11)?;
    let rest: Option<String> = row.get(16)?;
    let event: bool = row.get(5)?;
    Ok(Logged {
        position: row.get(0)?,
        sequence: row.get(1)?,
        lane: row.get(3)?,
        message: Message {
            id: Uuid::from_bytes(row.get(4)?),
            kind: if event { Kind::Event } else { Kind::Command },
            type_name: interner.intern(text(6)?),
            stream: interner.intern(text(2)?),
            key: row.get(7)?,
            priority: Priority::new(row.get(8)?),
            time: moment(micros),
            correlation_id: text(10)?.into(),
            causation_id: causation.map(Uuid::from_bytes),
            sequence_id: row.get(12)?,
            idempotency_key: row.get(13)?,
            traceparent: row.get::<_, Option<String>>(14)?.map(Arc::from),
            data: row.get(15)?,
            rest: rest
                .and_then(|rest| serde_json::from_str::<Rest>(&rest).ok())
                .map(Box::new),
        },
    })
}

/// The moment that a column of microseconds says.
pub(crate) fn moment(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(micros).unwrap_or(Timestamp::UNIX_EPOCH)
}
