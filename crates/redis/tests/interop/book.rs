//! The books that both sides speak of, and what is checked of them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use protean_core::message::{Kind, Message, envelope};
use protean_core::port::broker::Delivery;
use protean_core::{Lane, Priority};
use protean_testing::item;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

/// The stream of the bookshelf's books, and its lanes as both sides name them.
pub(crate) const STREAM: &str = "bookshelf::book";
pub(crate) const STREAMS: [&str; 2] = [STREAM, "bookshelf::book:backfill"];

/// The type of the events, as both sides name it.
const TYPE: &str = "Bookshelf.BookAdded.v1";

/// The event as the bookshelf has it, with its keys in order.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BookAdded {
    author: String,
    book_id: Uuid,
    isbn: Option<String>,
    price: Decimal,
    title: String,
}

/// A line that the Python side prints: an event that it published or handled.
#[derive(Debug, Deserialize)]
pub(crate) struct Line {
    pub(crate) id: String,
    pub(crate) book_id: Uuid,
    title: String,
    price: String,
    correlation_id: String,
    pub(crate) priority: i32,
    /// Where it was read from, if it was.
    stream: Option<String>,
}

/// An event of this side.
fn event(title: &str, priority: Priority) -> Message {
    let book_id = Uuid::now_v7();
    let event = BookAdded {
        author: "Stanisław Lem".to_owned(),
        book_id,
        isbn: (priority == Priority::Bulk).then(|| "9780156027601".to_owned()),
        price: Decimal::new(1250, 2),
        title: title.to_owned(),
    };
    Message {
        id: Uuid::now_v7(),
        kind: Kind::Event,
        type_name: TYPE.into(),
        stream: STREAM.into(),
        key: Some(book_id.to_string()),
        priority,
        time: Timestamp::now(),
        correlation_id: Uuid::now_v7().simple().to_string().into(),
        causation_id: Some(Uuid::now_v7()),
        traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into()),
        idempotency_key: None,
        sequence_id: Some("0.1".to_owned()),
        data: serde_json::to_string(&event).unwrap(),
        rest: None,
    }
}

/// Events of this side for both lanes, so many of each priority.
pub(crate) fn events(count: usize) -> Vec<Message> {
    let priorities = [
        Priority::Normal,
        Priority::High,
        Priority::Bulk,
        Priority::Low,
    ];
    let of = |priority| (0..count).map(move |nth| event(&format!("Głos Pana {nth} 📚"), priority));
    priorities.into_iter().flat_map(of).collect()
}

/// The lane of a priority.
pub(crate) fn lane_of(priority: i32) -> Lane {
    match priority < Priority::Normal.value() {
        true => Lane::Backfill,
        false => Lane::Primary,
    }
}

/// The book that a message is about.
pub(crate) fn book_of(message: &Message) -> Uuid {
    message.key.as_deref().unwrap().parse().unwrap()
}

/// The book that a delivery is about.
pub(crate) fn book(delivery: &Delivery) -> Uuid {
    book_of(&delivery.message)
}

/// Lines by their books, of which there must be one each.
pub(crate) fn by_book(lines: &[Line]) -> BTreeMap<Uuid, &Line> {
    let by_book: BTreeMap<_, _> = lines.iter().map(|line| (line.book_id, line)).collect();
    assert_eq!(
        by_book.len(),
        lines.len(),
        "a book is there twice: {lines:?}"
    );
    by_book
}

/// Whether a delivery is what Python published, and on which lane it came.
pub(crate) fn check(delivery: &Delivery, line: &Line, lane: Lane) {
    let message = &delivery.message;
    assert_eq!(delivery.lane, lane);
    // Python says 0 in the envelope of every event.
    assert_eq!(message.priority.value(), line.priority);
    assert_eq!(&*message.type_name, TYPE);
    assert_eq!(&*message.stream, STREAM);
    assert_eq!(*message.correlation_id, *line.correlation_id);
    assert_eq!(message.kind, Kind::Event);
    let event: BookAdded = serde_json::from_str(&message.data).unwrap();
    assert_eq!((event.book_id, &event.title), (line.book_id, &line.title));
    assert_eq!(event.price.to_string(), line.price);
    let written: Value = serde_json::from_str(&envelope::encode(message)).unwrap();
    assert_eq!(
        written["metadata"]["headers"]["id"], *line.id,
        "its id is kept"
    );
}

/// Whether Python handled what was published, each once, on its lane and unchanged.
pub(crate) fn check_handled(lines: &[Line], published: &[Message]) {
    let mut lines = by_book(lines);
    for message in published {
        let event: BookAdded = serde_json::from_str(&message.data).unwrap();
        let line = lines
            .remove(&event.book_id)
            .unwrap_or_else(|| panic!("not handled: {event:?}"));
        assert_eq!(line.title, event.title);
        assert_eq!(line.price, "12.50");
        assert_eq!(line.id, message.id.to_string());
        assert_eq!(line.correlation_id, &*message.correlation_id);
        assert_eq!(line.priority, message.priority.value());
        let stream = STREAMS[item::lane(message).index()];
        assert_eq!(line.stream.as_deref(), Some(stream));
    }
    assert!(lines.is_empty(), "never published: {lines:?}");
}
