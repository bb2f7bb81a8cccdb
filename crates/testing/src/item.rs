//! What the cases write: rows with a field of every kind, and messages about them.

use std::time::{Duration, Instant};

use protean_core::config::CrossLaneOrder;
use protean_core::message::{Kind as MessageKind, Message};
use protean_core::port::Tier;
use protean_core::port::broker::{
    Ahead, Claim, Delivery, Parked, Settlement, Subscription, Verdict,
};
use protean_core::port::store::{Change, Commit, Committed, Position, Refused, Stored, Write};
use protean_core::schema::{Element, Field, Kind, Row, Rules, Schema, Value};
use protean_core::{Lane, Priority};
use uuid::Uuid;

/// The stream of the messages.
pub const STREAM: &str = "suite::item";

/// A field with nothing particular about it.
const fn field(name: &'static str, kind: Kind, optional: bool) -> Field {
    Field {
        name,
        kind,
        optional,
        identifier: false,
        unique: false,
        indexed: false,
        defaulted: false,
        scale: None,
        rules: Rules::NONE,
        doc: "",
    }
}

const fn identifier() -> Field {
    let mut field = field("id", Kind::Uuid, false);
    field.identifier = true;
    field
}

const fn price() -> Field {
    let mut field = field("price", Kind::Decimal, false);
    field.scale = Some(2);
    field
}

const fn code() -> Field {
    let mut field = field("code", Kind::Text, true);
    field.unique = true;
    field
}

static FIELDS: [Field; 9] = [
    identifier(),
    field("name", Kind::Text, false),
    field("count", Kind::Integer, false),
    field("weight", Kind::Float, true),
    field("active", Kind::Boolean, false),
    price(),
    field("changed", Kind::Timestamp, true),
    field("notes", Kind::Json, true),
    code(),
];

/// A table with a column of every kind.
pub static ITEM: Schema = Schema {
    element: Element::Aggregate,
    name: "Item",
    table: "item",
    fields: &FIELDS,
    doc: "",
};

/// The tables of the suite.
pub const SCHEMAS: &[&Schema] = &[&ITEM];

/// A row with this name and count.
#[must_use]
pub fn row(id: Uuid, name: &str, count: i64) -> Row {
    vec![
        Value::Uuid(id),
        Value::Text(name.to_owned()),
        Value::Integer(count),
        Value::Float(0.1),
        Value::Boolean(count % 2 == 0),
        Value::Decimal(rust_decimal::Decimal::new(count * 100 + 90, 2)),
        Value::Timestamp(1_767_225_600_123_456),
        Value::Json("{\"a\":[1,2.5]}".to_owned()),
        Value::Null,
    ]
}

/// A commit of one change.
#[must_use]
pub fn change(change: Change) -> Commit {
    Commit {
        writes: vec![Write {
            schema: &ITEM,
            change,
        }],
        ..Commit::default()
    }
}

/// A commit of one new row.
#[must_use]
pub fn insert(id: Uuid, name: &str, count: i64) -> Commit {
    change(Change::Insert(row(id, name, count)))
}

/// A message about an item.
#[must_use]
pub fn message(key: Option<&str>, priority: Priority) -> Message {
    let id = Uuid::now_v7();
    Message {
        id,
        kind: MessageKind::Event,
        type_name: "Suite.Changed.v1".into(),
        stream: STREAM.into(),
        key: key.map(str::to_owned),
        priority,
        time: jiff::Timestamp::from_microsecond(1_767_225_600_123_456).unwrap(),
        correlation_id: "suite".into(),
        causation_id: Some(Uuid::from_u128(1)),
        traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into()),
        idempotency_key: None,
        sequence_id: Some("0.1".to_owned()),
        data: format!("{{\"id\":\"{id}\"}}"),
        rest: None,
    }
}

/// The lane that a message's priority asks for.
#[must_use]
pub fn lane(message: &Message) -> Lane {
    if message.priority < Priority::Normal {
        Lane::Backfill
    } else {
        Lane::Primary
    }
}

/// A commit of messages, each to its lane.
#[must_use]
pub fn publication(messages: &[Message]) -> Commit {
    Commit {
        messages: messages
            .iter()
            .map(|message| (lane(message), message.clone()))
            .collect(),
        ..Commit::default()
    }
}

/// Publishes messages in one commit.
pub async fn publish(tier: &Tier, messages: &[Message]) {
    commit(tier, publication(messages)).await.unwrap();
}

/// Makes one commit.
///
/// # Errors
/// What the store says.
pub async fn commit(tier: &Tier, commit: Commit) -> Result<Committed, Refused> {
    let mut results = tier.store.commit(Lane::Primary, vec![commit]).await;
    assert_eq!(results.len(), 1);
    results.remove(0)
}

/// The row with this identity.
pub async fn load(tier: &Tier, id: Uuid) -> Option<Stored> {
    tier.store
        .load(Lane::Primary, &ITEM, &Value::Uuid(id))
        .await
        .unwrap()
}

/// A subscription of the suite's stream.
#[must_use]
pub fn subscription(name: &str) -> Subscription {
    Subscription::new(name, STREAM)
}

/// How long a case waits for what has to happen.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// How long it waits between two looks.
const LOOK_INTERVAL: Duration = Duration::from_millis(5);

/// A subscription that a case takes part in.
pub struct Held {
    feeds: Claim,
}

/// Takes part in a subscription, as soon as it can be had.
pub async fn claim(tier: &Tier, name: &str) -> Held {
    claim_in_order(tier, name, CrossLaneOrder::None).await
}

/// Takes part in a subscription with an order between its lanes, as soon as it can be had.
pub async fn claim_in_order(tier: &Tier, name: &str, order: CrossLaneOrder) -> Held {
    let subscription = subscription(name);
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(feeds) = tier.broker.claim(&subscription, order).await.unwrap() {
            return Held { feeds };
        }
        look_again(deadline, "the subscription is not to be had").await;
    }
}

/// Waits before the next look; panics when it has been long enough.
pub async fn look_again(deadline: Instant, what: &str) {
    assert!(Instant::now() < deadline, "{what}");
    // sleep: between two looks at a condition that has no signal
    tokio::time::sleep(LOOK_INTERVAL).await;
}

impl Held {
    /// The feeds of a subscription that could be had.
    #[must_use]
    pub fn of(feeds: Claim) -> Self {
        Self { feeds }
    }

    /// What there is on a lane now.
    pub async fn fetch(&mut self, lane: Lane, count_max: usize) -> Vec<Delivery> {
        self.feeds[lane.index()].fetch(count_max).await.unwrap()
    }

    /// So many messages of a lane, as soon as they are there; what comes with them, too.
    pub async fn take(&mut self, lane: Lane, count: usize) -> Vec<Delivery> {
        let deadline = Instant::now() + PATIENCE;
        let mut taken = self.fetch(lane, count).await;
        while taken.len() < count {
            let found = format!("expected {count} messages, found {taken:?}");
            look_again(deadline, &found).await;
            taken.extend(self.fetch(lane, count - taken.len()).await);
        }
        taken
    }

    /// What goes before primary messages.
    pub async fn ahead(&mut self, messages: &[Delivery]) -> Ahead {
        let primary = &mut self.feeds[Lane::Primary.index()];
        primary.ahead(messages).await.unwrap()
    }

    /// The messages of a lane that are set aside.
    pub async fn parked(&mut self, lane: Lane, after: Option<Position>) -> Vec<Parked> {
        self.feeds[lane.index()].parked(after, 10).await.unwrap()
    }

    /// So many messages of a lane that are set aside, as soon as they are.
    pub async fn take_parked(&mut self, lane: Lane, count: usize) -> Vec<Parked> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let found = self.parked(lane, None).await;
            if found.len() >= count {
                return found;
            }
            look_again(deadline, "too little is set aside").await;
        }
    }

    /// The message that is set aside at a position.
    pub async fn fetch_parked(&mut self, lane: Lane, position: Position) -> Option<Delivery> {
        let feed = &mut self.feeds[lane.index()];
        feed.fetch_parked(&[position]).await.unwrap().pop()
    }

    /// Tells the lane's feed what was settled.
    pub async fn settled(&mut self, deliveries: &[Delivery]) {
        for delivery in deliveries {
            let feed = &mut self.feeds[delivery.lane.index()];
            feed.settled(&[delivery.place]).await.unwrap();
        }
    }
}

/// What becomes of a delivery.
#[must_use]
pub fn settlement(name: &str, delivery: &Delivery, verdict: Verdict) -> Commit {
    let settlement = Settlement {
        subscription: subscription(name),
        lane: delivery.lane,
        place: delivery.place,
        position: delivery.position,
        verdict,
        handling: None,
    };
    Commit {
        settlements: vec![settlement],
        ..Commit::default()
    }
}

/// The ids of deliveries, in their order.
#[must_use]
pub fn ids(deliveries: &[Delivery]) -> Vec<Uuid> {
    deliveries
        .iter()
        .map(|delivery| delivery.message.id)
        .collect()
}
