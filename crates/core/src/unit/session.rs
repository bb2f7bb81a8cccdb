//! What the messages of one batch see of each other.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::Names;
use crate::lane::Lane;
use crate::port::Store;
use crate::port::store::{Change, Write};
use crate::schema::{Row, Schema, Value};

/// A row as a handler sees it. The version is unknown when the row was put without reading it.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) row: Row,
    pub(super) version: Option<i64>,
}

/// The units of work that will be committed in one batch, in order.
pub struct Session {
    store: Arc<dyn Store>,
    names: Arc<Names>,
    lane: Lane,
    staged: HashMap<(&'static str, String), Option<Seen>>,
    tables: HashSet<&'static str>,
}

impl Session {
    /// A session that has staged nothing yet.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, names: Arc<Names>, lane: Lane) -> Self {
        Self {
            store,
            names,
            lane,
            staged: HashMap::new(),
            tables: HashSet::new(),
        }
    }

    /// Lets later units of this session see what a unit staged.
    pub fn absorb(&mut self, writes: &[Write]) {
        for write in writes {
            let Some(id) = identity(write) else { continue };
            let key = (write.schema.table, id.to_key());
            let seen = seen_after(write);
            self.staged.insert(key, seen);
            self.tables.insert(write.schema.table);
        }
    }

    pub(super) fn names(&self) -> &Names {
        &self.names
    }

    pub(super) fn store(&self) -> &dyn Store {
        &*self.store
    }

    pub(super) const fn lane(&self) -> Lane {
        self.lane
    }

    pub(super) fn has_staged(&self, schema: &'static Schema) -> bool {
        self.tables.contains(schema.table)
    }

    /// What an earlier unit staged for this row: the outer `None` when nothing, the inner one when
    /// its removal.
    pub(super) fn staged(&self, schema: &'static Schema, id: &Value) -> Option<Option<Seen>> {
        if self.staged.is_empty() {
            return None;
        }
        self.staged.get(&(schema.table, id.to_key())).cloned()
    }
}

/// What these writes, the unit's own, leave of a row: `None` when they do not touch it.
pub(super) fn seen_in(
    writes: &[Write],
    schema: &'static Schema,
    id: &Value,
) -> Option<Option<Seen>> {
    let write = writes
        .iter()
        .rev()
        .find(|write| write.schema.table == schema.table && identity(write) == Some(id))?;
    Some(seen_after(write))
}

fn identity(write: &Write) -> Option<&Value> {
    match &write.change {
        Change::Insert(row) | Change::Put(row) | Change::Update { row, .. } => {
            row.get(write.schema.identifier()?)
        }
        Change::Delete { id, .. } => Some(id),
    }
}

fn seen_after(write: &Write) -> Option<Seen> {
    match &write.change {
        Change::Insert(row) => Some(Seen {
            row: row.clone(),
            version: Some(0),
        }),
        Change::Update { row, expected } => Some(Seen {
            row: row.clone(),
            version: Some(expected + 1),
        }),
        Change::Put(row) => Some(Seen {
            row: row.clone(),
            version: None,
        }),
        Change::Delete { .. } => None,
    }
}
