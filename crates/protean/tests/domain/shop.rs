//! A small domain: orders, and products that raise no events.

use protean::prelude::*;

protean::id! {
    pub(crate) struct OrderId;
    pub(crate) struct ProductId;
}

/// An order of a customer.
///
/// - It is kept
///   after it was shipped.
#[derive(Debug, Clone, PartialEq, Aggregate)]
#[aggregate(events(OrderPlaced, OrderShipped), invariants = Order::rush_orders_are_small)]
pub(crate) struct Order {
    /// Which order it is.
    #[id]
    pub(crate) id: OrderId,
    #[field(max = 10, index)]
    pub(crate) customer: String,
    #[field(min = 1, max = 1_000)]
    pub(crate) quantity: u32,
    #[field(min = 0.01, scale = 2)]
    pub(crate) price: Decimal,
    #[field(choices("normal", "rush"), default = "normal")]
    pub(crate) speed: String,
    #[field(unique)]
    pub(crate) reference: Option<String>,
    pub(crate) r#type: Option<String>,
    pub(crate) weight: f64,
    pub(crate) gift: bool,
    pub(crate) placed_at: Timestamp,
}

impl Order {
    fn rush_orders_are_small(&self) -> Result<(), Invalid> {
        if self.speed == "rush" && self.quantity > 10 {
            return Err(Invalid::field(
                "quantity",
                "must be at most 10 in a rush order",
            ));
        }
        Ok(())
    }

    /// An order that keeps all rules.
    pub(crate) fn example() -> Self {
        Self {
            id: OrderId::new(),
            customer: "Ada".to_owned(),
            quantity: 2,
            price: Decimal::new(1999, 2),
            speed: "rush".to_owned(),
            reference: None,
            r#type: Some("book".to_owned()),
            weight: 0.5,
            gift: true,
            placed_at: Timestamp::UNIX_EPOCH,
        }
    }
}

/// A customer ordered.
#[derive(Debug, Clone, PartialEq, Event)]
pub(crate) struct OrderPlaced {
    pub(crate) order_id: OrderId,
    #[field(max = 10)]
    pub(crate) customer: String,
    #[field(default)]
    pub(crate) gift: bool,
}

#[derive(Debug, Clone, PartialEq, Event)]
#[event(version = 2)]
pub(crate) struct OrderShipped {
    pub(crate) order_id: OrderId,
}

/// Asks for an order.
#[derive(Debug, Clone, PartialEq, Command)]
#[command(of = Order, reply = OrderId)]
pub(crate) struct PlaceOrder {
    #[field(max = 10)]
    pub(crate) customer: String,
    #[field(min = 1, max = 5)]
    pub(crate) quantity: i64,
    #[field(pattern = "[A-Z]{2}[0-9]+", with = no_zero)]
    pub(crate) code: String,
    #[field(choices("normal", "rush"), default = "normal")]
    pub(crate) speed: String,
    #[field(max = 3, with = no_zero)]
    pub(crate) note: Option<String>,
    #[field(min = -0.5)]
    pub(crate) weight: f64,
    #[field(default = 5, scale = 2)]
    pub(crate) discount: Decimal,
    #[field(default = "shop")]
    pub(crate) channel: Option<String>,
    #[field(default = 1 + 1, with = even)]
    pub(crate) copies: i64,
}

fn no_zero(text: &str) -> Result<(), String> {
    if text.contains('0') {
        Err("must not contain a zero".to_owned())
    } else {
        Ok(())
    }
}

fn even(number: &i64) -> Result<(), String> {
    if number % 2 == 0 {
        Ok(())
    } else {
        Err(format!("must be even, found {number}"))
    }
}

impl PlaceOrder {
    /// A command that keeps all rules.
    pub(crate) fn example() -> Self {
        Self {
            customer: "Ada".to_owned(),
            quantity: 2,
            code: "AB12".to_owned(),
            speed: "rush".to_owned(),
            note: None,
            weight: 0.25,
            discount: Decimal::new(105, 1),
            channel: None,
            copies: 4,
        }
    }
}

#[derive(Debug, Command)]
#[command(of = Order, version = 3)]
pub(crate) struct ShipOrder {
    #[id]
    pub(crate) order_id: OrderId,
}

/// A command that may name its order.
#[derive(Command)]
#[command(of = Order)]
pub(crate) struct NoteOrder {
    #[id]
    pub(crate) order_id: Option<OrderId>,
}

#[derive(Debug, PartialEq, Command)]
#[command(of = Product)]
pub(crate) struct CountProducts;

#[derive(Debug, Clone, PartialEq, Projection)]
#[projection(table = "order_lines")]
pub(crate) struct OrderSummary {
    #[id]
    pub(crate) order_id: OrderId,
    pub(crate) customer: String,
}

#[derive(Debug, Clone, Aggregate)]
pub(crate) struct Product {
    #[id]
    pub(crate) id: ProductId,
}

pub(crate) struct OrderCommandHandler {
    pub(crate) price: Decimal,
}

#[command_handler]
impl OrderCommandHandler {
    #[handle]
    async fn place(&self, command: PlaceOrder, unit: &mut Unit<'_>) -> Result<OrderId, Failure> {
        let customer = command.customer;
        let price = self.price;
        let mut order = Root::new(Order {
            customer: customer.clone(),
            price,
            ..Order::example()
        })?;
        order.raise(OrderPlaced {
            order_id: order.id,
            customer,
            gift: order.gift,
        });
        unit.add(order)
    }

    #[handle]
    async fn ship(&self, command: ShipOrder, unit: &mut Unit<'_>) -> Result<(), Failure> {
        let mut order = unit.get::<Order>(&command.order_id).await?;
        order.raise(OrderShipped {
            order_id: command.order_id,
        });
        unit.add(order).map(drop)
    }

    #[handle]
    async fn note(&self, _: NoteOrder, _: &mut Unit<'_>) -> Result<(), Failure> {
        Ok(())
    }

    #[handle]
    async fn count(&self, _: CountProducts, _: &mut Unit<'_>) -> Result<(), Failure> {
        Err(Failure::refuse("nobody counts"))
    }
}

pub(crate) struct OrderSummaryProjector;

#[projector(into = OrderSummary)]
impl OrderSummaryProjector {
    #[on]
    async fn placed(
        &self,
        event: OrderPlaced,
        rows: &mut Rows<'_, OrderSummary>,
    ) -> Result<(), Failure> {
        rows.put(OrderSummary {
            order_id: event.order_id,
            customer: event.customer,
        })
        .await
    }

    #[on]
    async fn shipped(
        &self,
        event: OrderShipped,
        rows: &mut Rows<'_, OrderSummary>,
    ) -> Result<(), Failure> {
        rows.remove(event.order_id).await
    }
}

pub(crate) struct Warehouse;

#[event_handler]
impl Warehouse {
    #[on]
    async fn placed(&self, event: OrderPlaced, unit: &mut Unit<'_>) -> Result<(), Failure> {
        unit.process(&ShipOrder {
            order_id: event.order_id,
        })
    }
}

#[derive(Domain)]
#[domain(name = "web-shop")]
pub(crate) struct Shop {
    pub(crate) orders: OrderCommandHandler,
    pub(crate) summaries: OrderSummaryProjector,
    pub(crate) warehouse: Warehouse,
    #[domain(skip)]
    pub(crate) opened_at: Timestamp,
}
