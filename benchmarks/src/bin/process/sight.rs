//! When the effect of a command can be seen: looks past the product, on a connection of its own.

use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Result, ensure};
use bookshelf::order::OrderId;
use rusqlite::{Connection, OpenFlags};
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::{Client, NoTls, Statement};

/// The longest time that an effect is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// Between two looks: little beside what is looked for.
const LOOK_PAUSE: Duration = Duration::from_micros(50);

/// Once it is trained, the first look is after this part of the least time that it has taken: a look
/// is work for the machine that is measured.
const LEAST_PART: f64 = 0.9;

const SQLITE: &str = "SELECT 1 FROM order_summary WHERE order_id = ?1";

/// Says when it has found it, which is after it has taken its view of the tables.
const POSTGRES: &str = "SELECT extract(epoch FROM clock_timestamp())::float8 FROM order_summary
    WHERE order_id = $1::text::uuid";

/// Who looks. It blocks its thread.
pub(crate) struct Sight {
    eyes: Eyes,
    /// When it begins to look.
    first_look: Duration,
}

enum Eyes {
    Sqlite(Connection),
    /// With a runtime that nobody but the calling thread drives.
    Postgres(Client, Statement, Runtime),
}

/// When something was begun, by both clocks.
#[derive(Clone, Copy)]
pub(crate) struct Begun {
    steady: Instant,
    wall: SystemTime,
}

impl Begun {
    pub(crate) fn now() -> Self {
        Self {
            steady: Instant::now(),
            wall: SystemTime::now(),
        }
    }
}

impl Sight {
    /// Of the file in `home`, or of the database with this URI.
    pub(crate) fn open(home: &Path, database_uri: Option<&str>) -> Result<Self> {
        let Some(uri) = database_uri else {
            let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let connection = Connection::open_with_flags(home.join("bookshelf.db"), flags)?;
            return Ok(Self::of(Eyes::Sqlite(connection)));
        };
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (client, look) = runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(uri, NoTls).await?;
            tokio::spawn(connection);
            let look = client.prepare(POSTGRES).await?;
            anyhow::Ok((client, look))
        })?;
        Ok(Self::of(Eyes::Postgres(client, look, runtime)))
    }

    const fn of(eyes: Eyes) -> Self {
        Self {
            eyes,
            first_look: Duration::ZERO,
        }
    }

    /// Has it begin later from now on, by what was seen while it looked all the time.
    pub(crate) fn train(&mut self, seen: &[Duration]) {
        let least = seen.iter().min().copied().unwrap_or_default();
        self.first_look = least.mul_f64(LEAST_PART);
    }

    /// Looks until the order is in the projection; says how long after `begun` the database had it.
    pub(crate) fn see(&self, order_id: OrderId, begun: Begun) -> Result<Duration> {
        let id = order_id.to_string();
        // sleep: it has never been there so soon
        std::thread::sleep(self.first_look.saturating_sub(begun.steady.elapsed()));
        loop {
            if let Some(seen) = self.look(&id, begun)? {
                return Ok(seen);
            }
            ensure!(
                begun.steady.elapsed() < PATIENCE,
                "order {order_id} is not in the projection after {PATIENCE:?}"
            );
            // sleep: between two looks, in which the server may have the processor
            std::thread::sleep(LOOK_PAUSE);
        }
    }

    fn look(&self, id: &str, begun: Begun) -> Result<Option<Duration>> {
        match &self.eyes {
            Eyes::Sqlite(connection) => {
                let found = connection.prepare_cached(SQLITE)?.exists([id])?;
                Ok(found.then(|| begun.steady.elapsed()))
            }
            Eyes::Postgres(client, look, runtime) => {
                let Some(row) = runtime.block_on(client.query_opt(look, &[&id]))? else {
                    return Ok(None);
                };
                let at = SystemTime::UNIX_EPOCH + Duration::from_secs_f64(row.get(0));
                Ok(Some(at.duration_since(begun.wall)?))
            }
        }
    }
}
