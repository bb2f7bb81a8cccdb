//! Projections, as the outside reads them.

use std::marker::PhantomData;
use std::sync::Arc;

use crate::Lane;
use crate::domain::Projection;
use crate::port::store::{Direction, Query};
use crate::port::{self, Store};
use crate::schema::{FieldType, Value};

/// The rows of one projection.
pub struct View<P> {
    store: Arc<dyn Store>,
    projection: PhantomData<fn() -> P>,
}

impl<P: Projection> View<P> {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            projection: PhantomData,
        }
    }

    /// The row with this identity, if it exists.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn get(&self, id: &P::Id) -> Result<Option<P>, port::Error> {
        let stored = self
            .store
            .load(Lane::Primary, P::SCHEMA, &id.to_value())
            .await?;
        stored.map(|stored| read(stored.row)).transpose()
    }

    /// All rows, to be narrowed down.
    pub fn select(&self) -> Select<'_, P> {
        Select {
            view: self,
            query: Query::default(),
        }
    }
}

/// A query on a projection, built step by step.
#[must_use = "a query does nothing until a page of it is asked for"]
pub struct Select<'v, P> {
    view: &'v View<P>,
    query: Query,
}

/// One page of rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<P> {
    /// The rows.
    pub entries: Vec<P>,
    /// How many rows there are in all pages.
    pub total: u64,
}

impl<P: Projection> Select<'_, P> {
    /// Only rows with this value in this column.
    pub fn filter(mut self, column: impl Into<String>, value: impl Into<Value>) -> Self {
        self.query.equals.push((column.into(), value.into()));
        self
    }

    /// In the order of this column; a leading `-` turns it round. May be repeated.
    pub fn order_by(mut self, column: &str) -> Self {
        let (column, direction) = match column.strip_prefix('-') {
            Some(column) => (column, Direction::Descending),
            None => (column, Direction::Ascending),
        };
        self.query.order_by.push((column.to_owned(), direction));
        self
    }

    /// At most this many rows; at most [`Query::LIMIT_MAX`] in any case.
    pub const fn limit(mut self, limit: u32) -> Self {
        self.query.limit = Some(limit);
        self
    }

    /// Passes over this many rows first.
    pub const fn offset(mut self, offset: u64) -> Self {
        self.query.offset = offset;
        self
    }

    /// The page of rows.
    ///
    /// # Errors
    /// When the query names an unknown column, or the store cannot answer.
    pub async fn page(self) -> Result<Page<P>, port::Error> {
        let page = self
            .view
            .store
            .select(Lane::Primary, P::SCHEMA, &self.query)
            .await?;
        let entries = page.rows.into_iter().map(|stored| read(stored.row));
        Ok(Page {
            entries: entries.collect::<Result<_, _>>()?,
            total: page.total,
        })
    }
}

fn read<P: Projection>(row: crate::schema::Row) -> Result<P, port::Error> {
    P::from_row(row).map_err(|mismatch| port::Error::Corrupt {
        table: P::SCHEMA.table.to_owned(),
        why: mismatch.to_string(),
    })
}
