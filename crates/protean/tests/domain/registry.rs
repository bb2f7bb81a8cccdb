//! What a domain consists of, and the events of an aggregate.

use protean::domain::{Domain, EventSet, Has, Registry, Subscriber};
use protean::prelude::{Decimal, Root, Timestamp};

use crate::shop::{
    Order, OrderCommandHandler, OrderEvent, OrderId, OrderPlaced, OrderShipped,
    OrderSummaryProjector, Product, ProductId, Shop, Warehouse,
};

#[test]
fn subscriptions_are_in_the_order_of_the_domains_fields() {
    let registry = Registry::<Shop>::of();
    let subscriptions = registry.subscriptions().iter();
    let found: Vec<_> = subscriptions
        .map(|known| (known.name, known.stream.to_string(), known.subscriber))
        .collect();
    let expected = [
        (
            "OrderCommandHandler",
            "web-shop::order:command",
            Subscriber::CommandHandler,
        ),
        (
            "OrderCommandHandler",
            "web-shop::product:command",
            Subscriber::CommandHandler,
        ),
        (
            "OrderSummaryProjector",
            "web-shop::order",
            Subscriber::Projector,
        ),
        ("Warehouse", "web-shop::order", Subscriber::EventHandler),
    ];
    assert_eq!(
        found,
        expected.map(|(name, stream, what)| (name, stream.to_owned(), what))
    );
}

#[test]
fn a_subscription_routes_the_types_that_its_handler_takes() {
    let registry = Registry::<Shop>::of();
    let routes = |nth: usize| {
        let types = [
            "WebShop.PlaceOrder.v1",
            "WebShop.ShipOrder.v3",
            "WebShop.NoteOrder.v1",
            "WebShop.CountProducts.v1",
            "WebShop.OrderPlaced.v1",
            "WebShop.OrderShipped.v2",
            "WebShop.OrderShipped.v1",
        ];
        let subscription = &registry.subscriptions()[nth];
        types.map(|of| subscription.route(of).is_some())
    };
    assert_eq!(routes(0), [true, true, true, false, false, false, false]);
    assert_eq!(routes(1), [false, false, false, true, false, false, false]);
    assert_eq!(routes(2), [false, false, false, false, true, true, false]);
    assert_eq!(routes(3), [false, false, false, false, true, false, false]);
}

#[test]
fn the_tables_are_those_of_aggregates_and_projections() {
    let registry = Registry::<Shop>::of();
    let tables: Vec<&str> = registry
        .tables()
        .iter()
        .map(|schema| schema.table)
        .collect();
    assert_eq!(tables, ["order", "product", "order_lines"]);
}

#[test]
fn a_domain_has_its_parts() {
    let shop = Shop {
        orders: OrderCommandHandler {
            price: Decimal::TEN,
        },
        summaries: OrderSummaryProjector,
        warehouse: Warehouse,
        opened_at: Timestamp::UNIX_EPOCH,
    };
    assert_eq!(Shop::NAME, "web-shop");
    let orders: &OrderCommandHandler = shop.part();
    assert_eq!(orders.price, Decimal::TEN);
    assert!(std::ptr::eq::<Warehouse>(shop.part(), &shop.warehouse));
    assert_eq!(shop.opened_at, Timestamp::UNIX_EPOCH);
}

#[test]
fn the_events_of_an_aggregate_know_their_names_and_versions() {
    let order_id = OrderId::new();
    let placed = OrderPlaced {
        order_id,
        customer: "Ada".to_owned(),
        gift: true,
    };
    let placed = OrderEvent::from(placed);
    let shipped = OrderEvent::from(OrderShipped { order_id });
    assert_eq!((placed.name(), placed.version()), ("OrderPlaced", 1));
    assert_eq!((shipped.name(), shipped.version()), ("OrderShipped", 2));
    let json = format!(r#"{{"customer":"Ada","gift":true,"order_id":"{order_id}"}}"#);
    assert_eq!(placed.encode().unwrap(), json);
    assert_eq!(format!("{placed:?}"), format!("OrderPlaced({json})"));
    assert_eq!(placed.check(), Ok(()));
    let nameless = OrderPlaced {
        order_id,
        customer: String::new(),
        gift: true,
    };
    assert_eq!(
        OrderEvent::from(nameless).check().unwrap_err().to_string(),
        "[PE0101] customer: is required"
    );
    assert!(matches!(shipped, OrderEvent::OrderShipped(event) if event.order_id == order_id));
}

#[test]
fn an_aggregate_raises_its_events() {
    let mut order = Root::new(Order::example()).unwrap();
    let order_id = order.id;
    order.raise(OrderPlaced {
        order_id,
        customer: "Ada".to_owned(),
        gift: true,
    });
    order.raise(OrderShipped { order_id });
    let names: Vec<&str> = order.events().iter().map(EventSet::name).collect();
    assert_eq!(names, ["OrderPlaced", "OrderShipped"]);

    let product = Root::new(Product {
        id: ProductId::new(),
    })
    .unwrap();
    assert!(product.events().is_empty());
}
