//! Orders: what customers buy.

use protean::prelude::*;

id! {
    /// The identity of an order.
    pub struct OrderId;
}

/// An order.
#[derive(Debug, Clone, Aggregate)]
#[aggregate(events(OrderPlaced))]
pub struct Order {
    /// Its identity.
    #[id]
    pub id: OrderId,
    /// Who ordered.
    #[field(max = 150)]
    pub customer_name: String,
    /// The book.
    #[field(max = 200)]
    pub book_title: String,
    /// How many copies.
    #[field(min = 1, max = 1000)]
    pub quantity: i64,
    /// What one copy costs.
    #[field(min = 0)]
    pub unit_price: Decimal,
}

/// Asks for an order to be taken.
#[derive(Debug, Clone, Command)]
#[command(of = Order, reply = OrderId)]
pub struct PlaceOrder {
    /// The identity it will have.
    #[id]
    pub order_id: OrderId,
    /// Who orders.
    #[field(max = 150)]
    pub customer_name: String,
    /// The book.
    #[field(max = 200)]
    pub book_title: String,
    /// How many copies.
    #[field(min = 1, max = 1000)]
    pub quantity: i64,
    /// What one copy costs.
    #[field(min = 0)]
    pub unit_price_amount: Decimal,
}

/// An order was taken.
#[derive(Debug, Clone, Event)]
pub struct OrderPlaced {
    /// Its identity.
    pub order_id: OrderId,
    /// Who ordered.
    pub customer_name: String,
    /// The book.
    pub book_title: String,
    /// How many copies.
    pub quantity: i64,
    /// What one copy costs.
    pub unit_price: Decimal,
}

/// Takes orders.
#[derive(Debug)]
pub struct OrderCommandHandler;

#[command_handler]
impl OrderCommandHandler {
    #[handle]
    async fn place(&self, command: PlaceOrder, unit: &mut Unit<'_>) -> Result<OrderId, Failure> {
        let mut order = Root::new(Order {
            id: command.order_id,
            customer_name: command.customer_name,
            book_title: command.book_title,
            quantity: command.quantity,
            unit_price: command.unit_price_amount,
        })?;
        let placed = OrderPlaced {
            order_id: order.id,
            customer_name: order.customer_name.clone(),
            book_title: order.book_title.clone(),
            quantity: order.quantity,
            unit_price: order.unit_price,
        };
        order.raise(placed);
        unit.add(order)
    }
}

/// An order, as the customer sees it.
#[derive(Debug, Clone, PartialEq, serde::Serialize, Projection)]
pub struct OrderSummary {
    /// Its identity.
    #[id]
    pub order_id: OrderId,
    /// Who ordered.
    pub customer_name: String,
    /// The book.
    pub book_title: String,
    /// How many copies.
    pub quantity: i64,
    /// What one copy costs.
    pub unit_price: Decimal,
    /// What all copies cost.
    pub total: Decimal,
}

/// Keeps the summaries of orders.
#[derive(Debug)]
pub struct OrderSummaryProjector;

#[projector(into = OrderSummary)]
impl OrderSummaryProjector {
    #[on]
    async fn placed(
        &self,
        event: OrderPlaced,
        summaries: &mut Rows<'_, OrderSummary>,
    ) -> Result<(), Failure> {
        let total = event
            .unit_price
            .checked_mul(Decimal::from(event.quantity))
            .ok_or_else(|| Failure::refuse("the order costs more than can be counted"))?;
        summaries
            .put(OrderSummary {
                order_id: event.order_id,
                customer_name: event.customer_name,
                book_title: event.book_title,
                quantity: event.quantity,
                unit_price: event.unit_price,
                total,
            })
            .await
    }
}
