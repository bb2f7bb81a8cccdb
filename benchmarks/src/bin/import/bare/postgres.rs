//! The limit of a PostgreSQL database.

use std::error::Error;
use std::time::{Duration, Instant};

use anyhow::Result;
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type};
use tokio_postgres::{Client, NoTls, Statement};

use super::{BATCH_ROWS, Part, STEPS};

/// Where the tables are that are written: beside those of the shop.
const SCHEMA: &str = "bare";

/// A value of any type, as the server sends and takes it.
#[derive(Debug)]
struct Raw(Vec<u8>);

impl<'a> FromSql<'a> for Raw {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(raw.to_vec()))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

impl ToSql for Raw {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.extend_from_slice(&self.0);
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    tokio_postgres::types::to_sql_checked!();
}

/// The values of one column, in a batch.
type Column = Vec<Option<Raw>>;

/// The batches of a part, and the statement that writes one: an array for each column.
struct Copied {
    insert: Statement,
    batches: Vec<Vec<Column>>,
}

/// Writes rows of the database into tables beside their own. Says how long that took, and how many
/// rows it were.
pub(super) fn write(uri: &str, books: u64) -> Result<(Duration, u64)> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let (mut client, connection) = tokio_postgres::connect(uri, NoTls).await?;
        tokio::spawn(connection);
        create_tables(&client).await?;
        let mut steps = Vec::new();
        for parts in STEPS {
            let mut copied = Vec::new();
            for part in parts {
                copied.push(read(&client, part, books).await?);
            }
            steps.push(copied);
        }
        let mut rows = 0;
        let started = Instant::now();
        for nth in 0..usize::try_from(books)?.div_ceil(BATCH_ROWS) {
            for parts in &steps {
                rows += write_batch(&mut client, parts, nth).await?;
            }
        }
        Ok((started.elapsed(), rows))
    })
}

/// The tables that are written, with their indexes.
async fn create_tables(client: &Client) -> Result<()> {
    client
        .batch_execute(&format!("CREATE SCHEMA {SCHEMA}"))
        .await?;
    for table in super::tables() {
        client
            .batch_execute(&format!(
                "CREATE TABLE {SCHEMA}.{table} (LIKE public.{table} INCLUDING ALL)"
            ))
            .await?;
    }
    Ok(())
}

async fn read(client: &Client, part: &Part, books: u64) -> Result<Copied> {
    let Part { table, filter } = part;
    let types = client
        .query(
            "SELECT format_type(atttypid, atttypmod) FROM pg_attribute
             WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped
             ORDER BY attnum",
            &[table],
        )
        .await?;
    let arrays: Vec<String> = types
        .iter()
        .zip(1..)
        .map(|(row, nth)| format!("${nth}::{}[]", row.get::<_, &str>(0)))
        .collect();
    let insert = client
        .prepare(&format!(
            "INSERT INTO {SCHEMA}.{table} OVERRIDING SYSTEM VALUE SELECT * FROM unnest({})",
            arrays.join(", ")
        ))
        .await?;
    let rows = client
        .query(
            &format!("SELECT * FROM {table} WHERE {filter} LIMIT {books}"),
            &[],
        )
        .await?;
    let column = |rows: &[tokio_postgres::Row], nth| rows.iter().map(|row| row.get(nth)).collect();
    let batches = rows
        .chunks(BATCH_ROWS)
        .map(|rows| (0..types.len()).map(|nth| column(rows, nth)).collect());
    Ok(Copied {
        insert,
        batches: batches.collect(),
    })
}

/// Writes the rows of one batch in one transaction, and says how many.
async fn write_batch(client: &mut Client, parts: &[Copied], nth: usize) -> Result<u64> {
    let transaction = client.transaction().await?;
    let mut written = 0;
    for Copied { insert, batches } in parts {
        let columns = batches.get(nth).map_or(&[][..], Vec::as_slice);
        let parameters: Vec<&(dyn ToSql + Sync)> = columns
            .iter()
            .map(|column| column as &(dyn ToSql + Sync))
            .collect();
        written += transaction.execute(insert, &parameters).await?;
    }
    transaction.commit().await?;
    Ok(written)
}
