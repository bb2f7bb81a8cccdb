//! Waiting for commits, of this process and of others.

use std::sync::Arc;
use std::time::Duration;

use protean_core::BoxFuture;
use protean_core::port::broker::{Listener, Wake};
use protean_core::port::{self};
use rusqlite::Connection;
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::Sqlite;
use crate::bell::{Ear, Socket};
use crate::error::{failed, file};
use crate::reader::connect;

/// How often the version of the file is looked at, for writers that ring no bell: an SQL shell, or
/// a process that did not know of this listener yet. A look costs a few microseconds.
const BACKSTOP: Duration = Duration::from_millis(250);

/// A listener on the file.
pub(super) struct Ears {
    /// Where versions are read: they compare on one connection only.
    versions: Connection,
    socket: Socket,
    ear: Arc<Ear>,
    backstop: Interval,
    version: Option<i64>,
    heard: bool,
}

impl Ears {
    pub(super) fn open(database: &Sqlite) -> Result<Self, port::Error> {
        let (socket, ear) = database
            .inner
            .bell
            .listen()
            .map_err(|error| file("the doorbell", &error))?;
        let mut backstop = interval(BACKSTOP);
        backstop.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let versions = connect(&database.inner.path)
            .map_err(|error| failed("the look at the file's version", &error))?;
        Ok(Self {
            versions,
            socket,
            ear,
            backstop,
            version: None,
            heard: false,
        })
    }

    /// Whether somebody wrote since the last look.
    fn has_changed(&mut self) -> bool {
        let pragma = "PRAGMA data_version";
        let version = self.versions.query_row(pragma, [], |row| row.get(0));
        let version: Option<i64> = version.ok();
        let changed = self.version.is_some() && version != self.version;
        self.version = version;
        changed
    }
}

impl Listener for Ears {
    fn wake(&mut self) -> BoxFuture<'_, Wake> {
        Box::pin(async move {
            loop {
                if let Some(wake) = self.ear.take() {
                    self.heard = true;
                    return wake;
                }
                tokio::select! {
                    () = self.ear.rung() => {}
                    news = self.socket.rung() => self.ear.hear(news),
                    _ = self.backstop.tick() => {
                        let heard = std::mem::take(&mut self.heard);
                        // Somebody wrote and no bell rang.
                        if self.has_changed() && !heard {
                            return Wake::Anything;
                        }
                    }
                }
            }
        })
    }
}
