//! What the application tells the log while a test listens.

use std::fmt::Debug;

use tokio::sync::watch;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::DefaultGuard;
use tracing::{Event, Level, Metadata, Subscriber};

use crate::shop::PATIENCE;

/// The messages at info of what commands come in by, on the thread of the test alone.
pub struct Told {
    messages: watch::Receiver<Vec<String>>,
    _guard: DefaultGuard,
}

impl Told {
    /// Listens from now on.
    pub fn listen() -> Self {
        let (sender, messages) = watch::channel(Vec::new());
        let guard = tracing::subscriber::set_default(Listener(sender));
        Self {
            messages,
            _guard: guard,
        }
    }

    /// What was told so far.
    pub fn messages(&self) -> Vec<String> {
        self.messages.borrow().clone()
    }

    /// Waits until this was told.
    pub async fn until(&self, wanted: &str) {
        let mut messages = self.messages.clone();
        let is_told = |all: &Vec<String>| all.iter().any(|one| one == wanted);
        let seen = tokio::time::timeout(PATIENCE, messages.wait_for(is_told)).await;
        assert!(seen.is_ok(), "not in time; told was {:?}", self.messages());
    }
}

struct Listener(watch::Sender<Vec<String>>);

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("protean_core::app") && *metadata.level() == Level::INFO
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut message = Message(String::new());
        event.record(&mut message);
        self.0.send_modify(|all| all.push(message.0));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// The message of an event, without its fields.
struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}
