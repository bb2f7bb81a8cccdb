//! Messages that are set aside: whoever set one aside tries it again; those whose owner is gone are
//! anybody's.

use std::sync::Arc;

use deadpool_postgres::Client;
use protean_core::Lane;
use protean_core::interner::Interner;
use protean_core::port::broker::{Delivery, Parked, Place};
use protean_core::port::store::Position;
use tokio_postgres::Error;

use super::lease::Party;
use crate::message::{self, COLUMN_COUNT, COLUMNS, column, number};
use crate::value::Micros;

/// Takes over what nobody owns, or somebody who was declared dead before it was set aside.
const ADOPT: &str = "UPDATE protean_parked SET owner = $4
    WHERE subscription = $1 AND stream = $2 AND position = ANY(ARRAY(
        SELECT p.position FROM protean_parked AS p
        WHERE p.subscription = $1 AND p.stream = $2 AND p.lane = $3 AND (p.owner IS NULL
            OR NOT EXISTS (SELECT 1 FROM protean_consumer AS c WHERE c.id = p.owner))
        FOR UPDATE OF p SKIP LOCKED))";

const LIST: &str = "SELECT position, key, due FROM protean_parked
    WHERE subscription = $1 AND stream = $2 AND lane = $3 AND owner = $4 AND position > $5
    ORDER BY position LIMIT $6";

/// Takes over what nobody owns, then lists what this process has to try again.
pub(super) async fn list(
    client: &Client,
    party: Party<'_>,
    lane: Lane,
    after: Option<Position>,
    count_max: usize,
) -> Result<Vec<Parked>, Error> {
    let adopt = client.prepare_cached(ADOPT).await?;
    client
        .execute(
            &adopt,
            &[
                &party.subscription,
                &party.stream,
                &party.lane,
                &party.owner,
            ],
        )
        .await?;
    let list = client.prepare_cached(LIST).await?;
    let after = after.map_or(0, |position| column(position.0));
    let count_max = i64::try_from(count_max).unwrap_or(i64::MAX);
    let rows = client
        .query(
            &list,
            &[
                &party.subscription,
                &party.stream,
                &party.lane,
                &party.owner,
                &after,
                &count_max,
            ],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Parked {
                position: Position(number(row.try_get(0)?)),
                lane,
                key: row.try_get(1)?,
                due: row.try_get::<_, Option<Micros>>(2)?.map(Micros::timestamp),
            })
        })
        .collect()
}

/// The messages at some positions that this process has to try again, in the order asked.
pub(super) async fn fetch(
    client: &Client,
    party: Party<'_>,
    lane: Lane,
    positions: &[Position],
    interner: &mut Interner,
) -> Result<Vec<Delivery>, Error> {
    let sql = format!(
        "SELECT {COLUMNS}, p.failures, p.failed_first FROM protean_parked AS p
         JOIN protean_message AS m ON m.position = p.position
         JOIN protean_queue AS q ON q.id = m.queue
         WHERE p.subscription = $1 AND p.stream = $2 AND p.owner = $3
             AND p.position = ANY($4::bigint[])"
    );
    let select = client.prepare_cached(&sql).await?;
    let wanted: Vec<i64> = positions.iter().map(|one| column(one.0)).collect();
    let rows = client
        .query(
            &select,
            &[&party.subscription, &party.stream, &party.owner, &wanted],
        )
        .await?;
    let mut found = Vec::with_capacity(rows.len());
    for row in &rows {
        let logged = message::read(row, interner)?;
        let failures: i32 = row.try_get(COLUMN_COUNT)?;
        let failed_first: Option<Micros> = row.try_get(COLUMN_COUNT + 1)?;
        found.push(Delivery {
            lane,
            place: Place::Parked,
            position: Position(logged.position),
            failures: u32::try_from(failures).unwrap_or_default(),
            failed_first: failed_first.map(Micros::timestamp),
            message: Arc::new(logged.message),
        });
    }
    let at = |delivery: &Delivery| positions.iter().position(|one| *one == delivery.position);
    found.sort_by_key(at);
    Ok(found)
}
