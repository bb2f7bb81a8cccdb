//! Removing what is old, as work of the backfill lane.
//!
//! The pages that become free are used again, and the file keeps its size.

mod bounds;
mod look;
mod remove;

use protean_core::port::imports::Hold;
use protean_core::port::retention::{Due, Kind, Removed, Row, Sweep};
use protean_core::port::{self, Retention};
use protean_core::{BoxFuture, Lane};

use crate::Sqlite;
use crate::database::Rings;
use crate::error::failed;

/// The file that is locked by whoever cleans; no import is called so.
const TURN: &str = "retention.turn";

impl Retention for Sqlite {
    fn turn(&self) -> BoxFuture<'_, Result<Option<Hold>, port::Error>> {
        Box::pin(async move { self.hold_file("the turn to clean", TURN) })
    }

    fn due<'a>(
        &'a self,
        sweep: &'a Sweep,
        after: Option<&'a Row>,
    ) -> BoxFuture<'a, Result<Due, port::Error>> {
        let (sweep, after) = (sweep.clone(), after.cloned());
        Box::pin(self.readers(Lane::Backfill).read(move |connection| {
            // One state of the file for all of it.
            let looked = connection.unchecked_transaction().and_then(|moment| {
                let after = after.as_ref();
                match sweep.kind {
                    Kind::Commands => look::commands(&moment, &sweep, after),
                    Kind::Markers => look::markers(&moment, &sweep, after),
                    Kind::Traces => look::traces(&moment, &sweep, after),
                    Kind::Imports => look::imports(&moment, &sweep, after),
                    // A place has one gauge, whichever process wrote it.
                    Kind::Gauges => Ok(Due::default()),
                }
            });
            looked.map_err(|error| failed("the look for what is old", &error))
        }))
    }

    fn remove<'a>(
        &'a self,
        sweep: &'a Sweep,
        rows: &'a [Row],
    ) -> BoxFuture<'a, Result<Removed, port::Error>> {
        let (sweep, rows) = (sweep.clone(), rows.to_vec());
        let write = move |connection: &_| {
            remove::some(connection, &sweep, &rows)
                .map_err(|error| failed("the removal of what is old", &error))
        };
        Box::pin(self.write(Lane::Backfill, Rings::Nothing, write))
    }
}
