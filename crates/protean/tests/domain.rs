//! What the macros make of a domain: payloads, records, rules, schemas and subscriptions.

use protean::prelude::*;

protean::id! {
    /// The identity of an order.
    pub struct OrderId;
    /// The identity of a product.
    pub struct ProductId;
}

/// An order of a customer.
///
/// Holds until it is shipped.
#[derive(Debug, Clone, PartialEq, Aggregate)]
#[aggregate(events(OrderPlaced, OrderShipped), invariants = Order::rush_orders_are_small)]
pub struct Order {
    /// Who is who.
    #[id]
    pub id: OrderId,
    #[field(max = 10, index)]
    pub customer: String,
    #[field(min = 1, max = 1_000)]
    pub quantity: u32,
    #[field(min = 0.01, scale = 2)]
    pub price: Decimal,
    #[field(choices("normal", "rush"), default = "normal")]
    pub speed: String,
    #[field(unique)]
    pub reference: Option<String>,
    pub r#type: Option<String>,
    pub placed_at: Timestamp,
}

impl Order {
    fn rush_orders_are_small(&self) -> Result<(), Invalid> {
        if self.speed == "rush" && self.quantity > 10 {
            return Err(Invalid::field("quantity", "must be at most 10 in a rush order"));
        }
        Ok(())
    }
}

/// A customer ordered.
#[derive(Debug, Clone, PartialEq, Event)]
pub struct OrderPlaced {
    pub order_id: OrderId,
    pub customer: String,
    #[field(default)]
    pub gift: bool,
}

#[derive(Debug, Clone, PartialEq, Event)]
#[event(version = 2)]
pub struct OrderShipped {
    pub order_id: OrderId,
}

fn no_spaces(text: &String) -> Result<(), String> {
    if text.contains(' ') { Err("must not contain spaces".to_owned()) } else { Ok(()) }
}

/// Asks for an order.
#[derive(Debug, PartialEq, Command)]
#[command(of = Order, reply = OrderId)]
pub struct PlaceOrder {
    #[field(max = 10)]
    pub customer: String,
    #[field(min = 1, max = 5)]
    pub quantity: i64,
    #[field(pattern = "[A-Z]{2}[0-9]+", with = no_spaces)]
    pub code: String,
    #[field(choices("normal", "rush"), default = "normal")]
    pub speed: String,
    #[field(max = 3, with = no_spaces)]
    pub note: Option<String>,
    #[field(min = -0.5)]
    pub weight: f64,
    #[field(default = 5, scale = 2)]
    pub discount: Decimal,
}

#[derive(Debug, Command)]
#[command(of = Order, version = 3)]
pub struct ShipOrder {
    #[id]
    pub order_id: OrderId,
}

#[derive(Command)]
#[command(of = Order)]
pub struct Recount;

#[derive(Debug, Clone, PartialEq, Projection)]
#[projection(table = "order_lines")]
pub struct OrderSummary {
    #[id]
    pub order_id: OrderId,
    pub customer: String,
}

#[derive(Debug, Clone, Aggregate)]
#[aggregate(events())]
pub struct Product {
    #[id]
    pub id: ProductId,
    pub name: String,
}

pub struct OrderCommandHandler;

#[command_handler]
impl OrderCommandHandler {
    #[handle]
    async fn place(&self, command: PlaceOrder, unit: &mut Unit<'_>) -> Result<OrderId, Failure> {
        let mut order = Root::new(Order {
            id: OrderId::new(),
            customer: command.customer.clone(),
            quantity: 1,
            price: Decimal::ONE,
            speed: command.speed,
            reference: None,
            r#type: None,
            placed_at: Timestamp::now(),
        })?;
        let order_id = order.id;
        order.raise(OrderPlaced { order_id, customer: command.customer, gift: false });
        unit.add(order)
    }

    #[handle]
    async fn ship(&self, command: ShipOrder, unit: &mut Unit<'_>) -> Result<(), Failure> {
        let mut order = unit.get::<Order>(&command.order_id).await?;
        order.raise(OrderShipped { order_id: command.order_id });
        unit.add(order)?;
        Ok(())
    }

    #[handle]
    async fn recount(&self, _: Recount, _: &mut Unit<'_>) -> Result<(), Failure> {
        Ok(())
    }
}

pub struct OrderSummaryProjector;

#[projector(into = OrderSummary)]
impl OrderSummaryProjector {
    #[on]
    async fn placed(
        &self,
        event: OrderPlaced,
        rows: &mut Rows<'_, OrderSummary>,
    ) -> Result<(), Failure> {
        rows.put(OrderSummary { order_id: event.order_id, customer: event.customer }).await
    }
}

pub struct Warehouse;

#[event_handler]
impl Warehouse {
    #[on]
    async fn placed(&self, event: OrderPlaced, unit: &mut Unit<'_>) -> Result<(), Failure> {
        unit.process(&ShipOrder { order_id: event.order_id })
    }

    #[on]
    async fn shipped(&self, _: OrderShipped, _: &mut Unit<'_>) -> Result<(), Failure> {
        Ok(())
    }
}

#[derive(Domain)]
#[domain(name = "web-shop")]
pub struct Shop {
    pub orders: OrderCommandHandler,
    pub summaries: OrderSummaryProjector,
    pub warehouse: Warehouse,
    #[domain(skip)]
    pub opened_at: Timestamp,
}
