//! The jobs, and what they do.

use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use uuid::Uuid;

/// Connections of a worker.
const CONNECTIONS: u32 = 20;

/// Takes a book in: a row of the catalog.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct AddBook {
    #[serde(default = "Uuid::new_v4")]
    book_id: Uuid,
    title: String,
    author: String,
    isbn: Option<String>,
    price: String,
}

/// Takes an order.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PlaceOrder {
    order_id: Uuid,
    customer: String,
    title: String,
    quantity: i64,
    unit_price: String,
}

impl AddBook {
    pub(crate) async fn run(self, pool: &PgPool) -> Result<(), sqlx::Error> {
        sqlx::query("INSERT INTO book_catalog VALUES ($1, $2, $3, $4, $5::numeric)")
            .bind(self.book_id)
            .bind(self.title)
            .bind(self.author)
            .bind(self.isbn)
            .bind(self.price)
            .execute(pool)
            .await
            .map(drop)
    }
}

impl PlaceOrder {
    pub(crate) fn new(order_id: Uuid) -> Self {
        Self {
            order_id,
            customer: "Ada".to_owned(),
            title: "Dune".to_owned(),
            quantity: 2,
            unit_price: "9.99".to_owned(),
        }
    }

    pub(crate) async fn run(self, pool: &PgPool) -> Result<(), sqlx::Error> {
        sqlx::query(
            "INSERT INTO order_summary VALUES ($1, $2, $3, $4, $5::numeric, $5::numeric * $4)",
        )
        .bind(self.order_id)
        .bind(self.customer)
        .bind(self.title)
        .bind(self.quantity)
        .bind(self.unit_price)
        .execute(pool)
        .await
        .map(drop)
    }
}

/// The database of the shop.
pub(crate) async fn database() -> anyhow::Result<PgPool> {
    let options = PgPoolOptions::new().max_connections(CONNECTIONS);
    Ok(options.connect(&crate::server("DATABASE_URL")?).await?)
}
