//! The tables themselves.

use protean_core::port::store::Position;
use protean_core::schema::{Element, Schema, Value};
use protean_core::{Lane, Priority};
use uuid::Uuid;

use crate::item::{ITEM, SCHEMAS, STREAM, claim, commit, ids, insert, load, message, publish};
use crate::{Fixture, ready};

/// The table of items as it was before it got its last columns.
static OLD_ITEM: Schema = Schema {
    element: Element::Aggregate,
    name: "Item",
    table: "item",
    fields: ITEM.fields.split_at(4).0,
    doc: "",
};

/// It says what it did, which is nothing the second time.
pub async fn setting_up_twice_changes_nothing(fixture: impl Fixture) {
    let tier = fixture.open().await;
    let first = tier.tables.setup(SCHEMAS).await.unwrap();
    assert!(first.iter().any(|line| line.contains("item")), "{first:?}");
    let id = Uuid::now_v7();
    commit(&tier, insert(id, "kept", 0)).await.unwrap();
    let none: [String; 0] = [];
    assert_eq!(tier.tables.setup(SCHEMAS).await.unwrap(), none);
    assert!(load(&tier, id).await.is_some());
}

/// It is told as often as it is asked, until somebody does it.
pub async fn what_is_missing_is_told_and_not_made(fixture: impl Fixture) {
    let tier = fixture.open().await;
    tier.tables.setup(&[&OLD_ITEM]).await.unwrap();
    let missing = tier.tables.missing(SCHEMAS).await.unwrap();
    assert!(
        missing.iter().any(|line| line.contains("price")),
        "{missing:?}"
    );
    assert_eq!(tier.tables.missing(SCHEMAS).await.unwrap(), missing);
    assert_eq!(tier.tables.setup(SCHEMAS).await.unwrap(), missing);
    let none: [String; 0] = [];
    assert_eq!(tier.tables.missing(SCHEMAS).await.unwrap(), none);
    tier.broker.reach().await.unwrap();
}

/// Rows that are there have the empty value of its kind, or none.
pub async fn a_missing_column_is_added(fixture: impl Fixture) {
    let tier = fixture.open().await;
    tier.tables.setup(&[&OLD_ITEM]).await.unwrap();
    let id = Uuid::now_v7();
    let mut old = insert(id, "old", 3);
    old.writes[0].schema = &OLD_ITEM;
    if let protean_core::port::store::Change::Insert(row) = &mut old.writes[0].change {
        row.truncate(OLD_ITEM.fields.len());
    }
    commit(&tier, old).await.unwrap();
    drop(tier);
    let tier = fixture.open().await;
    let done = tier.tables.setup(SCHEMAS).await.unwrap();
    assert!(done.iter().any(|line| line.contains("price")), "{done:?}");
    let row = load(&tier, id).await.unwrap().row;
    assert_eq!(row[1], Value::Text("old".to_owned()));
    assert_eq!(row[4], Value::Boolean(false));
    assert_eq!(row[8], Value::Null);
}

/// Nobody could add a row any more; whoever sets up is told what to do about it.
pub async fn a_column_that_no_field_fills_any_more_is_refused(fixture: impl Fixture) {
    let tier = fixture.open().await;
    tier.tables.setup(SCHEMAS).await.unwrap();
    tier.tables.missing(&[&OLD_ITEM]).await.unwrap_err();
    let refused = tier.tables.setup(&[&OLD_ITEM]).await.unwrap_err();
    let text = refused.to_string();
    assert!(text.contains("[PE0202]"), "{text}");
    assert!(
        text.contains("column item.") && text.contains("drop it"),
        "{text}"
    );
    let id = Uuid::now_v7();
    commit(&tier, insert(id, "kept", 0)).await.unwrap();
    assert!(load(&tier, id).await.is_some());
}

/// Rows, messages and positions are gone, for every process, and work goes on.
pub async fn what_is_truncated_is_as_new(fixture: impl Fixture) {
    let (tier, other) = (ready(&fixture).await, fixture.open().await);
    let id = Uuid::now_v7();
    commit(&tier, insert(id, "gone", 0)).await.unwrap();
    for writer in [&tier, &other] {
        publish(
            writer,
            &[
                message(None, Priority::Normal),
                message(None, Priority::Bulk),
            ],
        )
        .await;
    }
    tier.tables.truncate_all(SCHEMAS).await.unwrap();
    assert!(load(&other, id).await.is_none());
    assert!(
        tier.log
            .read(STREAM, None, Position(0), 10)
            .await
            .unwrap()
            .is_empty()
    );
    // The lanes the other way round, and by the other process first: what the one remembers of the
    // old tables must not matter.
    let messages = [
        Priority::Bulk,
        Priority::Normal,
        Priority::Bulk,
        Priority::Normal,
    ]
    .map(|priority| message(None, priority));
    for (writer, message) in [&tier, &tier, &other, &other].into_iter().zip(&messages) {
        publish(writer, std::slice::from_ref(message)).await;
    }
    let mut feed = claim(&tier, "Handler").await;
    let backfill = feed.take(Lane::Backfill, 2).await;
    assert_eq!(ids(&backfill), [messages[0].id, messages[2].id]);
    let primary = feed.take(Lane::Primary, 2).await;
    assert_eq!(ids(&primary), [messages[1].id, messages[3].id]);
}

/// And holds nothing then.
pub async fn what_is_dropped_can_be_made_again(fixture: impl Fixture) {
    let tier = ready(&fixture).await;
    let id = Uuid::now_v7();
    commit(&tier, insert(id, "gone", 0)).await.unwrap();
    publish(&tier, &[message(None, Priority::Normal)]).await;
    let dropped = tier.tables.drop_all(SCHEMAS).await.unwrap();
    assert!(
        dropped.iter().any(|line| line.contains("item")),
        "{dropped:?}"
    );
    tier.tables.setup(SCHEMAS).await.unwrap();
    assert!(load(&tier, id).await.is_none());
    let kept = message(None, Priority::Normal);
    publish(&tier, std::slice::from_ref(&kept)).await;
    let mut feed = claim(&tier, "Handler").await;
    assert_eq!(ids(&feed.take(Lane::Primary, 1).await), [kept.id]);
}
