//! What goes before primary messages, where lanes share the order of a key (L8).

use std::collections::{HashMap, HashSet};

use super::broker::{Delivery, Parked};
use super::store::Position;

/// What goes before some primary messages: backfill messages with their keys, published before
/// them and not settled (L8).
#[derive(Clone, Debug, Default)]
pub struct Ahead {
    /// Those in the flow of the backfill lane, in its order; this process has them in its hands
    /// now, if it had not before.
    pub deliveries: Vec<Delivery>,
    /// Those that are set aside, and are this process's to try again.
    pub parked: Vec<Parked>,
    /// The positions of those primary messages that have to wait: something before them is in other
    /// hands, or there is more before them than is told at once.
    pub blocked: HashSet<Position>,
}

impl Ahead {
    /// The most messages that are told at once: more of one look would only take memory.
    pub const COUNT_MAX: usize = 10_000;

    /// The keys of messages, each once, with the position of the last message that has it.
    #[must_use]
    pub fn keys_of(messages: &[Delivery]) -> Vec<(&str, Position)> {
        let mut last: HashMap<&str, Position> = HashMap::new();
        let mut keys = Vec::new();
        for one in messages {
            let Some(key) = one.message.key.as_deref() else {
                continue;
            };
            let known = last.entry(key).or_insert_with(|| {
                keys.push(key);
                one.position
            });
            *known = one.position.max(*known);
        }
        keys.into_iter().map(|key| (key, last[key])).collect()
    }

    /// Has those of `messages` wait that have this key and were published after a position.
    pub fn block(&mut self, messages: &[Delivery], key: &str, after: Position) {
        let waits =
            |one: &&Delivery| one.message.key.as_deref() == Some(key) && one.position > after;
        let blocked = messages.iter().filter(waits);
        self.blocked.extend(blocked.map(|one| one.position));
    }
}
