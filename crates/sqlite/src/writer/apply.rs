//! One commit: all of it or nothing.

use protean_core::Lane;
use protean_core::message::{Message, idempotency_digest};
use protean_core::port::broker::{Place, Settlement, Verdict};
use protean_core::port::store::{Change, Commit, Committed, Position, Refused, Write};
use protean_core::schema::{Row, Schema, Value};
use rusqlite::{ErrorCode, OptionalExtension, params, params_from_iter};

use super::along::queue_key;
use super::state::State;
use super::transaction::execute;
use crate::error::failed;
use crate::message::{self, Slot};
use crate::row::Bind;
use crate::schema::INLINE_LANE;

impl State<'_> {
    /// Applies a commit so that it leaves nothing behind when it is refused.
    pub(super) fn apply_guarded(&mut self, commit: &Commit) -> Result<Committed, Refused> {
        let store = |error| Refused::Store(failed("the savepoint", &error));
        let before = self.counters.clone();
        execute(self.connection, "SAVEPOINT one").map_err(store)?;
        let result = self.apply(commit);
        if result.is_err() {
            self.counters = before;
            execute(self.connection, "ROLLBACK TO one").map_err(store)?;
        }
        execute(self.connection, "RELEASE one").map_err(store)?;
        result
    }

    /// Applies a commit. What it wrote before it was refused has to be rolled back.
    pub(super) fn apply(&mut self, commit: &Commit) -> Result<Committed, Refused> {
        let failed = |error| Refused::Store(failed("the commit", &error));
        if let Some(duplicate) = self.admit(commit).map_err(failed)? {
            return Ok(duplicate);
        }
        for settlement in &commit.settlements {
            if !self.settle_message(settlement).map_err(failed)? {
                return Err(Refused::Settled);
            }
        }
        for write in &commit.writes {
            self.write(write)?;
        }
        let mut first = None;
        for message in &commit.recorded {
            let slot = self.publish(INLINE_LANE, message).map_err(failed)?;
            first.get_or_insert(slot.position);
        }
        let mut slots = Vec::with_capacity(commit.messages.len());
        for (lane, message) in &commit.messages {
            let slot = self.publish(lane_number(*lane), message).map_err(failed)?;
            first.get_or_insert(slot.position);
            slots.push(slot);
        }
        let along = self.take_along(commit, &slots).map_err(failed)?;
        let published = &mut self.counters.published;
        match along {
            true => published.extend(commit.published_along()),
            false => published.extend(commit.published()),
        }
        Ok(Committed::Done {
            position: first.map(Position),
            along,
        })
    }

    /// Remembers the idempotency keys of a commit; the earlier command when one is known.
    fn admit(&mut self, commit: &Commit) -> rusqlite::Result<Option<Committed>> {
        let messages = commit
            .recorded
            .iter()
            .chain(commit.messages.iter().map(|(_, one)| one));
        for (nth, message) in messages.enumerate() {
            let Some(key) = &message.idempotency_key else {
                continue;
            };
            let key = idempotency_digest(&message.type_name, key);
            let position = self.position()? + 1 + nth as u64;
            let insert = "INSERT INTO protean_idempotency (key, position, id) VALUES (?1, ?2, ?3)
                ON CONFLICT DO NOTHING";
            let mut insert = self.connection.prepare_cached(insert)?;
            if insert.execute(params![key, position, message.id.as_bytes()])? == 1 {
                continue;
            }
            let select = "SELECT position, id FROM protean_idempotency WHERE key = ?1";
            let mut select = self.connection.prepare_cached(select)?;
            let (position, id): (u64, [u8; 16]) =
                select.query_row([key], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let id = uuid::Uuid::from_bytes(id);
            return Ok(Some(Committed::Duplicate {
                id,
                position: Position(position),
            }));
        }
        Ok(None)
    }

    fn publish(&mut self, lane: i64, message: &Message) -> rusqlite::Result<Slot> {
        let position = self.next_position()?;
        let (queue, sequence) = self.next_in_queue(&queue_key(lane, message))?;
        let slot = Slot {
            position,
            queue,
            sequence,
        };
        message::insert(self.connection, slot, message)?;
        Ok(slot)
    }

    pub(super) fn write(&self, write: &Write) -> Result<(), Refused> {
        let Write { schema, change } = write;
        let statements = self.catalog.of(schema);
        let run = |sql: &str, row: &Row, expected: Option<i64>| {
            let expected = expected.map(Value::Integer);
            let values = row.iter().chain(&expected).map(Bind);
            let mut statement = self.connection.prepare_cached(sql)?;
            statement.execute(params_from_iter(values))
        };
        let (changed, id) = match change {
            Change::Insert(row) => (run(&statements.insert, row, None), None),
            Change::Put(row) => (run(&statements.put, row, None), None),
            Change::Update { row, expected } => {
                let id = schema.identifier().and_then(|at| row.get(at));
                (run(&statements.update, row, Some(*expected)), id)
            }
            Change::Delete { id, expected } => (
                run(&statements.delete, &vec![id.clone()], Some(*expected)),
                Some(id),
            ),
        };
        match (changed, id) {
            (Ok(0), Some(id)) => Err(Refused::Conflict {
                table: schema.table,
                id: id.to_key(),
            }),
            (Ok(_), _) => Ok(()),
            (Err(error), _) => Err(refused(schema, change, &error)),
        }
    }

    /// Writes what becomes of a message; `false` when that was decided before.
    fn settle_message(&mut self, settlement: &Settlement) -> rusqlite::Result<bool> {
        let lane = lane_number(settlement.lane);
        let fresh = match settlement.place {
            Place::Queue { queue, sequence } => {
                self.settle(&settlement.subscription, queue, sequence)?
            }
            Place::Parked => self.unpark(settlement)?,
        };
        if fresh {
            match &settlement.verdict {
                Verdict::Done => {}
                Verdict::Park(_) => self.park(settlement, lane)?,
                Verdict::Dead(_) => self.bury(settlement, lane)?,
                Verdict::Withdrawn => self.forget_key(settlement)?,
            }
        }
        Ok(fresh)
    }

    fn unpark(&self, settlement: &Settlement) -> rusqlite::Result<bool> {
        let sql = "DELETE FROM protean_parked
            WHERE subscription = ?1 AND stream = ?2 AND position = ?3";
        let subscription = &settlement.subscription;
        let mut delete = self.connection.prepare_cached(sql)?;
        let position = settlement.position.0;
        let count = delete.execute(params![
            &*subscription.name,
            &*subscription.stream,
            position
        ])?;
        Ok(count == 1)
    }

    fn park(&self, settlement: &Settlement, lane: i64) -> rusqlite::Result<()> {
        let Verdict::Park(parking) = &settlement.verdict else {
            return Ok(());
        };
        let sql = "INSERT INTO protean_parked (subscription, stream, position, lane, due, failures,
            failed_first, error) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
        self.connection.prepare_cached(sql)?.execute(params![
            &*settlement.subscription.name,
            &*settlement.subscription.stream,
            settlement.position.0,
            lane,
            parking.due.map(jiff::Timestamp::as_microsecond),
            parking.failures,
            parking.failed_first.map(jiff::Timestamp::as_microsecond),
            parking.error,
        ])?;
        Ok(())
    }

    /// Frees the idempotency key of a message.
    fn forget_key(&self, settlement: &Settlement) -> rusqlite::Result<()> {
        let sql = "SELECT type, idempotency_key FROM protean_message
            WHERE position = ?1 AND idempotency_key IS NOT NULL";
        let mut select = self.connection.prepare_cached(sql)?;
        let found: Option<(String, String)> = select
            .query_row([settlement.position.0], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .optional()?;
        if let Some((type_name, key)) = found {
            let sql = "DELETE FROM protean_idempotency WHERE key = ?1";
            let mut delete = self.connection.prepare_cached(sql)?;
            delete.execute([idempotency_digest(&type_name, &key)])?;
        }
        Ok(())
    }

    fn bury(&self, settlement: &Settlement, lane: i64) -> rusqlite::Result<()> {
        let Verdict::Dead(death) = &settlement.verdict else {
            return Ok(());
        };
        let sql = "INSERT INTO protean_dead_letter (subscription, stream, position, lane, attempts,
            failed_first, failed_last, error) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
        self.connection.prepare_cached(sql)?.execute(params![
            &*settlement.subscription.name,
            &*settlement.subscription.stream,
            settlement.position.0,
            lane,
            death.attempts,
            death.failed_first.as_microsecond(),
            death.failed_last.as_microsecond(),
            death.error,
        ])?;
        Ok(())
    }
}

/// A lane as a queue row has it.
pub(crate) const fn lane_number(lane: Lane) -> i64 {
    match lane {
        Lane::Primary => 0,
        Lane::Backfill => 1,
    }
}

/// The refusal for a change that broke a constraint of its table.
fn refused(schema: &'static Schema, change: &Change, error: &rusqlite::Error) -> Refused {
    let text = error.to_string();
    let constraint = "UNIQUE constraint failed: ";
    if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation)
        && let Some((_, columns)) = text.split_once(constraint)
    {
        let column = columns.split(',').next().unwrap_or_default();
        let column = column.rsplit('.').next().unwrap_or_default().trim();
        let row = match change {
            Change::Insert(row) | Change::Put(row) | Change::Update { row, .. } => Some(row),
            Change::Delete { .. } => None,
        };
        let at = schema.field(column).map(|(at, _)| at);
        let value = row
            .and_then(|row| row.get(at?))
            .map(Value::to_key)
            .unwrap_or_default();
        return Refused::Exists {
            table: schema.table,
            what: format!("{column} {value}"),
        };
    }
    Refused::Store(failed("the change", error))
}
