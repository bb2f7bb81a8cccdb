//! Messages on their way out of the log.

use protean_core::Priority;
use protean_core::interner::Interner;
use protean_core::message::envelope::Rest;
use protean_core::message::{Kind, Message};
use tokio_postgres::{Error, Row};

use crate::value::Micros;

/// The columns that [`read`] wants, for a `SELECT` from `protean_message AS m JOIN protean_queue
/// AS q`.
pub(crate) const COLUMNS: &str = "m.position, m.sequence, q.stream, q.lane, m.id, m.event, \
     m.type, m.key, m.priority, m.time, m.correlation_id, m.causation_id, m.sequence_id, \
     m.idempotency_key, m.traceparent, m.data, m.rest, m.queue, m.previous";

/// How many columns that are.
pub(crate) const COLUMN_COUNT: usize = 19;

/// A message as the log holds it.
#[derive(Clone, Debug)]
pub struct Logged {
    /// Its position in the log.
    pub position: u64,
    /// The queue it is in.
    pub queue: u64,
    /// Its number there.
    pub sequence: u64,
    /// The number of the last message before it in its queue with the same key (L8).
    pub previous: Option<u64>,
    /// The message.
    pub message: Message,
}

/// The number of the lane in a row of [`COLUMNS`].
pub(crate) fn lane(row: &Row) -> Result<i16, Error> {
    row.try_get(3)
}

/// The message in a row of [`COLUMNS`].
pub(crate) fn read(row: &Row, interner: &mut Interner) -> Result<Logged, Error> {
    let event: bool = row.try_get(5)?;
    let rest: Option<&str> = row.try_get(16)?;
    let previous: Option<i64> = row.try_get(18)?;
    Ok(Logged {
        position: number(row.try_get(0)?),
        queue: number(row.try_get(17)?),
        sequence: number(row.try_get(1)?),
        previous: previous.map(number),
        message: Message {
            id: row.try_get(4)?,
            kind: if event { Kind::Event } else { Kind::Command },
            type_name: interner.intern(row.try_get(6)?),
            stream: interner.intern(row.try_get(2)?),
            key: row.try_get(7)?,
            priority: Priority::new(row.try_get(8)?),
            time: row.try_get::<_, Micros>(9)?.timestamp(),
            correlation_id: row.try_get::<_, &str>(10)?.into(),
            causation_id: row.try_get(11)?,
            sequence_id: row.try_get(12)?,
            idempotency_key: row.try_get(13)?,
            traceparent: row.try_get::<_, Option<&str>>(14)?.map(Into::into),
            data: row.try_get(15)?,
            rest: rest
                .and_then(|rest| serde_json::from_str::<Rest>(rest).ok())
                .map(Box::new),
        },
    })
}

/// A number that is never negative, as the ports have it.
pub(crate) fn number(found: i64) -> u64 {
    u64::try_from(found).unwrap_or_default()
}

/// A number of the ports, as a column has it.
pub(crate) fn column(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
