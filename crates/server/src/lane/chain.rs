//! Messages with one key, one behind another (L8).

use std::collections::HashMap;
use std::collections::VecDeque;

use protean_core::Lane;
use protean_core::lane::Band;

use super::item::Item;

/// The chains of all keys that share an order.
#[derive(Debug)]
pub(super) struct Chains<T> {
    holds: HashMap<u64, Hold<T>>,
}

/// Why messages with a key have to wait.
#[derive(Debug)]
struct Hold<T> {
    /// One of them is ready or runs.
    active: bool,
    /// Those that are set aside, by lane and position.
    parked: Vec<(Lane, u64)>,
    /// Those behind, in order.
    chain: VecDeque<Item<T>>,
    promotion: Promotion,
}

/// Which backfill messages of a key are promoted: a primary one waits for them.
#[derive(Clone, Copy, Debug)]
struct Promotion {
    /// Those before this position.
    before: u64,
    /// The most urgent band of what waits for them.
    band: Band,
}

impl<T> Hold<T> {
    const fn new() -> Self {
        Self {
            active: false,
            parked: Vec::new(),
            chain: VecDeque::new(),
            promotion: Promotion {
                before: 0,
                band: LEAST_URGENT,
            },
        }
    }

    fn is_promoted(&self, item: &Item<T>) -> bool {
        item.lane == Lane::Backfill && item.position < self.promotion.before
    }

    /// Whether a message waits for one that is set aside: one of its own lane, or one that was
    /// published before it.
    fn is_blocked(&self, item: &Item<T>) -> bool {
        let blocks =
            |(lane, position): &(Lane, u64)| *lane == item.lane || *position < item.position;
        self.parked.iter().any(blocks)
    }
}

const LEAST_URGENT: Band = Band::ALL[Band::COUNT - 1];

impl<T> Chains<T> {
    pub(super) fn new() -> Self {
        Self {
            holds: HashMap::new(),
        }
    }

    fn hold(&mut self, key: u64) -> &mut Hold<T> {
        self.holds.entry(key).or_insert_with(Hold::new)
    }

    /// Puts a message behind those of its key that arrived before it; a primary one only behind
    /// those backfill ones that were published before it, and they are promoted.
    pub(super) fn append(&mut self, key: u64, item: Item<T>) {
        let hold = self.hold(key);
        let goes_before =
            |known: &Item<T>| known.lane == Lane::Primary || known.position < item.position;
        let at = match item.lane {
            Lane::Backfill => hold.chain.len(),
            Lane::Primary => {
                let last = hold.chain.iter().rposition(goes_before);
                last.map_or(0, |last| last + 1)
            }
        };
        hold.chain.insert(at, item);
    }

    /// Puts a message in front of those of its key that wait; a backfill one not in front of
    /// primary ones that were published before it.
    pub(super) fn prepend(&mut self, key: u64, item: Item<T>) {
        let hold = self.hold(key);
        let goes_before =
            |known: &Item<T>| known.lane != item.lane && known.position < item.position;
        let last = hold.chain.iter().rposition(goes_before);
        hold.chain.insert(last.map_or(0, |last| last + 1), item);
    }

    /// The next message of a key that may go: none while one is active, or set aside before it.
    pub(super) fn next_of(&mut self, key: u64) -> Option<Item<T>> {
        let hold = self.holds.get_mut(&key)?;
        let next = hold.chain.front();
        if hold.active || next.is_some_and(|next| hold.is_blocked(next)) {
            return None;
        }
        if next.is_none() && hold.parked.is_empty() {
            self.holds.remove(&key);
            return None;
        }
        let next = hold.chain.pop_front();
        hold.active = next.is_some();
        next
    }

    /// The backfill messages behind the active one of a key that may run in one batch with it.
    pub(super) fn followers(&mut self, key: u64, count_max: usize) -> Vec<Item<T>> {
        let Some(hold) = self.holds.get_mut(&key) else {
            return Vec::new();
        };
        let follows = |item: &&Item<T>| {
            item.lane == Lane::Backfill && !hold.is_promoted(item) && !hold.is_blocked(item)
        };
        let chain = hold.chain.iter().take(count_max);
        let count = chain.take_while(follows).count();
        hold.chain.drain(..count).collect()
    }

    /// The active message of a key is none any more.
    pub(super) fn deactivate(&mut self, key: u64) {
        if let Some(hold) = self.holds.get_mut(&key) {
            hold.active = false;
        }
    }

    /// Makes a message of a key that was set aside the active one; `false` when another one is, or
    /// one of the other lane is set aside before it.
    pub(super) fn reactivate(&mut self, key: u64, item: &Item<T>) -> bool {
        let hold = self.hold(key);
        let blocks =
            |(lane, position): &(Lane, u64)| *lane != item.lane && *position < item.position;
        let free = !hold.active && !hold.parked.iter().any(blocks);
        hold.active |= free;
        free
    }

    /// A message of a key is set aside.
    pub(super) fn park(&mut self, key: u64, lane: Lane, position: u64) {
        self.hold(key).parked.push((lane, position));
    }

    /// A message of a key is set aside no more.
    pub(super) fn unpark(&mut self, key: u64, lane: Lane, position: u64) {
        let hold = self.hold(key);
        let at = hold.parked.iter().position(|one| *one == (lane, position));
        if let Some(at) = at {
            hold.parked.swap_remove(at);
        }
    }

    /// The backfill messages of a key before a position are promoted from now on, for something of
    /// this band; whether one of them may be ready.
    pub(super) fn promote(&mut self, key: u64, before: u64, band: Band) -> bool {
        let Some(hold) = self.holds.get_mut(&key) else {
            return false;
        };
        hold.promotion.before = hold.promotion.before.max(before);
        hold.promotion.band = hold.promotion.band.min(band);
        hold.active
    }

    /// Where a message runs: on its own lane in its own band, but for those that are promoted.
    pub(super) fn way_of(&self, item: &Item<T>) -> (Lane, Band) {
        let hold = item.key.and_then(|key| self.holds.get(&key));
        match hold.filter(|hold| hold.is_promoted(item)) {
            Some(hold) => (Lane::Primary, hold.promotion.band.min(item.band)),
            None => (item.lane, item.band),
        }
    }
}
