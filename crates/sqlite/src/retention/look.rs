//! Looking for what is old.

use protean_core::port::imports::State;
use protean_core::port::retention::{COMMAND_SUFFIX, Due, LOOK_MAX, Row, Sweep, made};
use protean_core::port::trace::Outcome;
use rusqlite::{Connection, params};
use uuid::Uuid;

use super::bounds;

/// After this number there is nothing in a queue.
const SEQUENCE_MAX: u64 = i64::MAX.unsigned_abs();

/// Whether the message at `m` is set aside or was given up.
const HELD: &str = "EXISTS (SELECT 1 FROM protean_dead_letter AS d WHERE d.position = m.position)
    OR EXISTS (SELECT 1 FROM protean_parked AS p WHERE p.position = m.position)";

/// Commands that everybody has handled: in each queue, those before the first that is young or not
/// settled.
pub(super) fn commands(
    connection: &Connection,
    sweep: &Sweep,
    after: Option<&Row>,
) -> rusqlite::Result<Due> {
    let (first, mut from) = match after {
        Some(Row::Command { queue, sequence }) => {
            (i64::try_from(*queue).unwrap_or(i64::MAX), *sequence)
        }
        _ => (0, 0),
    };
    let before = bounds::before(connection, sweep)?.as_microsecond();
    let sql = format!(
        "SELECT m.sequence, m.time < ?4, m.kind = 0 AND NOT ({HELD}) FROM protean_message AS m
         WHERE m.queue = ?1 AND m.sequence > ?2 AND m.sequence <= ?3 ORDER BY m.sequence LIMIT ?5"
    );
    let mut select = connection.prepare_cached(&sql)?;
    let mut due = Due::default();
    let mut looked = 0;
    for bound in bounds::all(connection, sweep)? {
        if bound.queue < first || !bound.stream.ends_with(COMMAND_SUFFIX) {
            continue;
        }
        let after = if bound.queue == first { from } else { 0 };
        let room = LOOK_MAX - looked;
        let mut rows = select.query(params![bound.queue, after, bound.upto, before, room])?;
        while let Some(row) = rows.next()? {
            looked += 1;
            from = row.get(0)?;
            let command = |sequence| Row::Command {
                queue: u64::try_from(bound.queue).unwrap_or_default(),
                sequence,
            };
            if !row.get::<_, bool>(1)? {
                due.next = Some(command(SEQUENCE_MAX));
                break;
            }
            let command = command(from);
            if row.get(2)? {
                due.rows.push(command.clone());
            }
            due.next = Some(command);
        }
        if looked == LOOK_MAX {
            return Ok(due);
        }
    }
    due.next = None;
    Ok(due)
}

/// Idempotency keys whose command is gone or settled, in the order of their digests.
pub(super) fn markers(
    connection: &Connection,
    sweep: &Sweep,
    after: Option<&Row>,
) -> rusqlite::Result<Due> {
    let after = match after {
        Some(Row::Key { key, .. }) => key.as_slice(),
        _ => &[],
    };
    let before = bounds::before(connection, sweep)?;
    let bounds = bounds::by_queue(connection, sweep)?;
    let sql = format!(
        "SELECT i.key, i.position, i.id, m.queue, m.sequence, m.time, COALESCE({HELD}, FALSE)
         FROM (SELECT key, position, id FROM protean_idempotency WHERE key > ?1
               ORDER BY key LIMIT ?2) AS i
         LEFT JOIN protean_message AS m ON m.position = i.position AND m.id = i.id ORDER BY i.key"
    );
    let mut select = connection.prepare_cached(&sql)?;
    let mut rows = select.query(params![after, LOOK_MAX])?;
    let mut due = Due::default();
    let mut looked = 0;
    while let Some(row) = rows.next()? {
        looked += 1;
        let id = Uuid::from_bytes(row.get(2)?);
        let (queue, time): (Option<i64>, Option<i64>) = (row.get(3)?, row.get(5)?);
        let time = time.map(crate::message::moment).or_else(|| made(id));
        let is_settled = match queue {
            Some(queue) => {
                let sequence: u64 = row.get(4)?;
                bounds.get(&queue).is_some_and(|upto| sequence <= *upto) && !row.get(6)?
            }
            None => true,
        };
        let key = Row::Key {
            key: row.get(0)?,
            position: row.get(1)?,
        };
        // Of an id that does not tell, it is known that its command was old enough to go.
        if is_settled && time.is_none_or(|time| time < before) {
            due.rows.push(key.clone());
        }
        due.next = Some(key);
    }
    due.next = due.next.filter(|_| looked == LOOK_MAX);
    Ok(due)
}

/// What was done, but for failures of messages that are set aside or given up. Records are written
/// in the order of their numbers.
pub(super) fn traces(
    connection: &Connection,
    sweep: &Sweep,
    after: Option<&Row>,
) -> rusqlite::Result<Due> {
    let after = match after {
        Some(Row::Trace(id)) => *id,
        _ => 0,
    };
    let sql = format!(
        "SELECT t.id, t.started < ?2, t.outcome IN (?3, ?4) AND EXISTS (
            SELECT 1 FROM protean_message AS m
            WHERE m.queue = t.queue AND m.sequence BETWEEN t.first AND t.last AND ({HELD}))
         FROM protean_trace AS t WHERE t.id > ?1 ORDER BY t.id LIMIT ?5"
    );
    let failed = [Outcome::Retried, Outcome::Dead].map(Outcome::number);
    let before = sweep.before.as_microsecond();
    let mut select = connection.prepare_cached(&sql)?;
    let mut rows = select.query(params![after, before, failed[0], failed[1], LOOK_MAX])?;
    let mut due = Due::default();
    let mut looked = 0;
    while let Some(row) = rows.next()? {
        if !row.get::<_, bool>(1)? {
            break;
        }
        looked += 1;
        let id = row.get(0)?;
        if !row.get::<_, bool>(2)? {
            due.rows.push(Row::Trace(id));
        }
        due.next = Some(Row::Trace(id));
    }
    due.next = due.next.filter(|_| looked == LOOK_MAX);
    Ok(due)
}

/// Imports that have ended, of which nothing is set aside or given up.
pub(super) fn imports(
    connection: &Connection,
    sweep: &Sweep,
    after: Option<&Row>,
) -> rusqlite::Result<Due> {
    let after = match after {
        Some(Row::Import(name)) => name.as_str(),
        _ => "",
    };
    let sql = "SELECT i.name, NOT EXISTS (
            SELECT 1 FROM (SELECT position FROM protean_dead_letter
                UNION ALL SELECT position FROM protean_parked) AS h
            JOIN protean_message AS m ON m.position = h.position
            WHERE substr(m.correlation_id, 1, length(i.name) + 8) = 'import:' || i.name || ':')
        FROM protean_import AS i WHERE i.name > ?1 AND i.updated < ?2 AND i.state IN (?3, ?4)
        ORDER BY i.name LIMIT ?5";
    let before = sweep.before.as_microsecond();
    let ended = [State::Cancelled, State::Finished].map(State::name);
    let mut select = connection.prepare_cached(sql)?;
    let mut rows = select.query(params![after, before, ended[0], ended[1], LOOK_MAX])?;
    let mut due = Due::default();
    let mut looked = 0;
    while let Some(row) = rows.next()? {
        looked += 1;
        let import = Row::Import(row.get(0)?);
        if row.get(1)? {
            due.rows.push(import.clone());
        }
        due.next = Some(import);
    }
    due.next = due.next.filter(|_| looked == LOOK_MAX);
    Ok(due)
}
