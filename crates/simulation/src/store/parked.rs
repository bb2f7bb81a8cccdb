//! Messages that are set aside.

use std::collections::HashSet;
use std::time::Duration;

use protean_core::port::broker::Place;

use super::{Party, Store};
use crate::message::{Delivery, MessageId};
use crate::planted::Planted;

impl Store {
    /// Takes over what nobody owns, then lists what this consumer has to try again.
    pub(crate) fn list_parked(&mut self, party: Party) -> Vec<(MessageId, Duration)> {
        let of_lane = |(subscription, id): &(usize, MessageId)| {
            *subscription == party.subscription && self.messages[*id].draft.lane == party.lane
        };
        let all: Vec<_> = self.parked.keys().copied().filter(of_lane).collect();
        let keeps = self.is_planted(Planted::DeadKeepParked);
        let mut found = Vec::new();
        for place in all {
            let nobody = self.parked.get(&place).map(|one| self.is_nobody(one.owner));
            let Some(parked) = self.parked.get_mut(&place) else {
                continue;
            };
            if nobody == Some(true) && !keeps {
                parked.owner = Some(party.owner);
            }
            if parked.owner == Some(party.owner) {
                found.push((place.1, parked.due));
            }
        }
        found
    }

    /// The message set aside with this number, if this consumer has to try it again.
    pub(crate) fn fetch_parked(&self, party: Party, id: MessageId) -> Option<Delivery> {
        let parked = self.parked.get(&(party.subscription, id))?;
        (parked.owner == Some(party.owner)).then(|| Delivery {
            logged: self.messages[id],
            place: Place::Parked,
            failures: parked.failures,
        })
    }

    /// The keys that have a message set aside by somebody else.
    pub(crate) fn keys_parked_elsewhere(&self, party: Party) -> HashSet<String> {
        if self.is_planted(Planted::ParkedElsewhereUnseen) {
            return HashSet::new();
        }
        let stream = self.plan.stream_of(party.subscription);
        let all = self.parked.iter();
        let elsewhere = all.filter(|((subscription, id), parked)| {
            *subscription == party.subscription
                && self.messages[*id].draft.stream == stream
                && parked.owner != Some(party.owner)
        });
        let keys = elsewhere.filter_map(|((_, id), _)| self.messages[*id].draft.key);
        keys.map(str::to_owned).collect()
    }
}
