//! Handlers, called as the engine calls them.

use std::sync::Arc;

use protean::domain::Registry;
use protean::lane::Routing;
use protean::message::Cause;
use protean::port::store::{Commit, Committed, Page, Query, Refused, Stored};
use protean::port::{Error, Store};
use protean::prelude::{Decimal, Failure, Priority, Timestamp, Unit};
use protean::schema::{Schema, Value};
use protean::unit::{Names, Session};
use protean::{BoxFuture, Lane};

use crate::shop::{
    OrderCommandHandler, OrderId, OrderSummaryProjector, PlaceOrder, Shop, Warehouse,
};

/// A store that holds nothing and takes nothing.
struct Nothing;

impl Store for Nothing {
    fn load<'a>(
        &'a self,
        _: Lane,
        _: &'static Schema,
        _: &'a Value,
    ) -> BoxFuture<'a, Result<Option<Stored>, Error>> {
        Box::pin(async { Ok(None) })
    }

    fn select<'a>(
        &'a self,
        _: Lane,
        _: &'static Schema,
        _: &'a Query,
    ) -> BoxFuture<'a, Result<Page, Error>> {
        Box::pin(async {
            Ok(Page {
                rows: Vec::new(),
                total: 0,
            })
        })
    }

    fn commit(&self, _: Lane, _: Vec<Commit>) -> BoxFuture<'_, Vec<Result<Committed, Refused>>> {
        Box::pin(async { Vec::new() })
    }
}

/// What a subscription of the shop stages for a message.
async fn handle(subscription: usize, of: &str, data: &str) -> Result<Commit, Failure> {
    let shop = Shop {
        orders: OrderCommandHandler {
            price: Decimal::TEN,
        },
        summaries: OrderSummaryProjector,
        warehouse: Warehouse,
        opened_at: Timestamp::UNIX_EPOCH,
    };
    let registry = Registry::<Shop>::of();
    let routing = Routing {
        enabled: true,
        threshold: Priority::Normal,
    };
    let names = Arc::new(Names::of::<Shop>(routing));
    let session = Session::new(Arc::new(Nothing), names, Lane::Primary);
    let mut unit = Unit::new(&session, Cause::outside(Priority::Normal, None));
    let route = registry.subscriptions()[subscription]
        .route(of)
        .expect("the type is routed");
    route(&shop, data, &mut unit).await?;
    Ok(unit.into_commit(Vec::new()))
}

#[tokio::test]
async fn a_command_handler_stages_its_aggregate_and_the_events() {
    let data = serde_json::to_string(&PlaceOrder::example()).unwrap();
    let commit = handle(0, "WebShop.PlaceOrder.v1", &data).await.unwrap();
    assert_eq!(commit.writes[0].schema.table, "order");
    let (_, event) = &commit.messages[0];
    assert_eq!(&*event.type_name, "WebShop.OrderPlaced.v1");
    assert_eq!(&*event.stream, "web-shop::order");
    let key = event.key.as_deref().unwrap();
    assert_eq!(
        event.data,
        format!(r#"{{"customer":"Ada","gift":true,"order_id":"{key}"}}"#)
    );
}

#[tokio::test]
async fn an_event_handler_stages_what_follows() {
    let id = OrderId::new();
    let data = format!(r#"{{"customer":"Ada","order_id":"{id}"}}"#);
    let commit = handle(3, "WebShop.OrderPlaced.v1", &data).await.unwrap();
    let (_, command) = &commit.messages[0];
    assert_eq!(&*command.type_name, "WebShop.ShipOrder.v3");
    assert_eq!(command.key, Some(id.to_string()));
}

#[tokio::test]
async fn a_projector_stages_its_rows() {
    let id = OrderId::new();
    let data = format!(r#"{{"customer":"Ada","order_id":"{id}"}}"#);
    let commit = handle(2, "WebShop.OrderPlaced.v1", &data).await.unwrap();
    assert_eq!(commit.writes[0].schema.table, "order_lines");
    assert!(commit.messages.is_empty());
}

#[tokio::test]
async fn a_failure_reaches_the_engine() {
    let failure = handle(1, "WebShop.CountProducts.v1", "{}")
        .await
        .unwrap_err();
    assert_eq!(failure.to_string(), "[PE0110] nobody counts");
    let data = format!(r#"{{"order_id":"{}"}}"#, OrderId::new());
    let failure = handle(0, "WebShop.ShipOrder.v3", &data).await.unwrap_err();
    assert!(
        failure.to_string().starts_with("[PE0111] no Order with id"),
        "{failure}"
    );
    let failure = handle(0, "WebShop.ShipOrder.v3", "{}").await.unwrap_err();
    assert!(failure.is_permanent());
    assert!(
        failure
            .to_string()
            .contains("ShipOrder: missing field `order_id`"),
        "{failure}"
    );
}
