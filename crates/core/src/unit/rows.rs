//! A projection in a projector's hands.

use std::marker::PhantomData;

use super::work::Work;
use super::{Session, Unit};
use crate::Failure;
use crate::domain::Projection;
use crate::failure::Reason;
use crate::port::store::{Change, Query};
use crate::schema::FieldType;

/// The rows of one projection, as a projector reads and stages them.
pub struct Rows<'u, P> {
    session: &'u Session,
    work: &'u mut Work,
    projection: PhantomData<fn() -> P>,
}

impl<'u, P: Projection> Rows<'u, P> {
    /// The rows of `P`, staged in this unit.
    pub const fn new(unit: &'u mut Unit<'_>) -> Self {
        Self {
            session: unit.session,
            work: &mut unit.work,
            projection: PhantomData,
        }
    }

    /// The row with this identity.
    ///
    /// # Errors
    /// Not found (which is tried again, since it may still come), or the store's own failure.
    pub async fn get(&mut self, id: P::Id) -> Result<P, Failure> {
        let value = id.to_value();
        self.find(id)
            .await?
            .ok_or_else(|| Failure::not_found(P::SCHEMA.name, &value))
    }

    /// The row with this identity, if it exists.
    ///
    /// # Errors
    /// The store's own failure.
    pub async fn find(&mut self, id: P::Id) -> Result<Option<P>, Failure> {
        let seen = self
            .work
            .load(self.session, P::SCHEMA, &id.to_value())
            .await?;
        seen.map(|seen| Ok(P::from_row(seen.row)?)).transpose()
    }

    /// The rows that a query finds among what is committed.
    ///
    /// # Errors
    /// A query for an unknown column, or the store's own failure.
    pub async fn select(&mut self, query: &Query) -> Result<Vec<P>, Failure> {
        let page = self.work.page(self.session, P::SCHEMA, query).await?;
        page.rows
            .into_iter()
            .map(|stored| Ok(P::from_row(stored.row)?))
            .collect()
    }

    /// Stages a row, whether it exists or not.
    ///
    /// # Errors
    /// All violations of the rules of its fields together.
    #[allow(
        clippy::unused_async,
        reason = "every way to touch a row is awaited alike"
    )]
    pub async fn put(&mut self, row: P) -> Result<(), Failure> {
        row.check()?;
        self.work.stage(P::SCHEMA, Change::Put(row.to_row()));
        Ok(())
    }

    /// Changes the row with this identity.
    ///
    /// # Errors
    /// Not found (which is tried again, since it may still come), all violations of the rules of
    /// the fields together, or the store's own failure.
    pub async fn update(&mut self, id: P::Id, change: impl FnOnce(&mut P)) -> Result<(), Failure> {
        let id = id.to_value();
        let seen = self.work.load(self.session, P::SCHEMA, &id).await?;
        let seen = seen.ok_or_else(|| Failure::not_found(P::SCHEMA.name, &id))?;
        let mut row = P::from_row(seen.row)?;
        change(&mut row);
        row.check()?;
        let row = row.to_row();
        let change = match seen.version {
            Some(expected) => Change::Update { row, expected },
            None => Change::Put(row),
        };
        self.work.stage(P::SCHEMA, change);
        Ok(())
    }

    /// Removes the row with this identity, if it exists.
    ///
    /// # Errors
    /// The store's own failure.
    pub async fn remove(&mut self, id: P::Id) -> Result<(), Failure> {
        let id = id.to_value();
        if let Some(seen) = self.work.load(self.session, P::SCHEMA, &id).await? {
            let expected = seen.version.ok_or(Reason::Unflushed)?;
            self.work.stage(P::SCHEMA, Change::Delete { id, expected });
        }
        Ok(())
    }
}
