//! A message that is committed alone, on its way to whoever carries it to the broker.

use std::sync::Arc;

use protean_core::Lane;
use protean_core::message::Message;
use protean_core::port::broker::Published;
use tokio_postgres::{Error, Row};

use super::publish::Publication;
use crate::Postgres;
use crate::message::{Logged, number};
use crate::outbox::Carrier;

/// The message that is all a transaction publishes, and who carries it.
pub(super) struct Parcel<'c> {
    carrier: Arc<dyn Carrier>,
    message: &'c Message,
}

impl<'c> Parcel<'c> {
    /// That of a publication, if somebody carries it: its news say so from now on.
    pub(super) fn of(database: &Postgres, publication: &mut Publication<'c>) -> Option<Self> {
        let message = publication.alone()?;
        let carrier = database.inner.carriage.ready()?;
        publication.news = std::mem::take(&mut publication.news).carried();
        Some(Self { carrier, message })
    }

    /// Hands it over once it is durable, by the row of the statement that has written it.
    pub(super) fn hand_over(self, database: &Postgres, row: Option<&Row>) {
        match row.map(|row| logged(row, self.message)) {
            Some(Ok(logged)) => self.carrier.carry(logged),
            Some(Err(_)) | None => self.leave(database),
        }
    }

    /// Leaves it to the relays, if it is durable: where it is is not known.
    pub(super) fn leave(self, database: &Postgres) {
        let published = Published::new(self.message.stream.clone(), Lane::Primary);
        database.outbox().call_relays(published);
    }
}

fn logged(row: &Row, message: &Message) -> Result<Logged, Error> {
    let previous: Option<i64> = row.try_get(4)?;
    Ok(Logged {
        position: number(row.try_get(1)?),
        queue: number(row.try_get(2)?),
        sequence: number(row.try_get(3)?),
        previous: previous.map(number),
        message: message.clone(),
    })
}
