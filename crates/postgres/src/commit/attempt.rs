//! One try at one transaction.

use std::collections::{HashMap, HashSet};

use deadpool_postgres::Client;
use protean_core::Lane;
use protean_core::port;
use protean_core::port::store::{Commit, Committed, Position, Refused};
use tokio_postgres::{Error, Row};
use uuid::Uuid;

use super::along::{Companions, seen};
use super::batch::{digest, messages};
use super::clash::{self, Refusals};
use super::cursors::Moved;
use super::fate::{self, Fate, Own};
use super::first::FirstRound;
use super::last::{Last, warm};
use super::parcel::Parcel;
use super::publish::Publication;
use super::send::{Round, Unsent, numbered};
use super::sets::{Deed, Set, gather, identity};
use super::settle::{Cursor, CursorKey, Settlements, locked};
use super::statements::Statements;
use super::way::Way;
use super::whole::is_unmet;
use crate::Postgres;
use crate::error::{Trouble, failed, trouble, unavailable};
use crate::message::number;

/// What an attempt came to.
pub(super) enum Outcome {
    /// Everything is durable; what became of each commit.
    Committed(Vec<Committed>),
    /// Nothing was written, since these commits, by their numbers, cannot be.
    Refused(Refusals),
}

/// Why an attempt came to nothing.
pub(super) enum Abort {
    /// A value of some commit is not to be had; of which one is not known if there are several.
    Value(Refused),
    /// Something was not as it was believed to be: another way will do.
    Guessed,
    /// Another try may do.
    Again(port::Error),
    /// No other try will do.
    Failed(port::Error),
}

impl From<port::Error> for Abort {
    fn from(error: port::Error) -> Self {
        match error.is_transient() {
            true => Self::Again(error),
            false => Self::Failed(error),
        }
    }
}

/// The commits of one transaction.
pub(super) struct Attempt<'c> {
    pub(super) database: &'c Postgres,
    lane: Lane,
    pub(super) way: Way,
    pub(super) commits: Vec<&'c Commit>,
    /// How many rows a statement writes at most, each sent when the one before is answered; all are
    /// sent at once where there is no bound.
    rows_max: Option<usize>,
    pub(super) sets: Vec<Set<'c>>,
    pub(super) settlements: Settlements<'c>,
    pub(super) publication: Publication<'c>,
    /// Its message, if it is the only one and somebody carries it.
    parcel: Option<Parcel<'c>>,
    pub(super) companions: Companions<'c>,
    /// Where the cursors were that are moved.
    pub(super) cursors: HashMap<CursorKey, Cursor>,
}

impl<'c> Attempt<'c> {
    pub(super) fn new(
        database: &'c Postgres,
        (lane, way): (Lane, Way),
        commits: Vec<&'c Commit>,
    ) -> Self {
        let rows_max = match lane {
            Lane::Primary => None,
            Lane::Backfill => database.inner.bell.pace().rows_max(),
        };
        let mut sets = gather(numbered(&commits));
        if let Some(rows_max) = rows_max {
            sets = sets
                .into_iter()
                .flat_map(|set| set.apart(rows_max))
                .collect();
        }
        let mut publication = Publication::of(&commits);
        let parcel = match way {
            Way::AtOnce => Parcel::of(database, &mut publication),
            Way::Along | Way::Plain => None,
        };
        Self {
            sets,
            settlements: Settlements::of(&commits),
            publication,
            parcel,
            database,
            lane,
            way,
            commits,
            rows_max,
            companions: Companions::default(),
            cursors: HashMap::new(),
        }
    }

    pub(super) async fn send(&self, batch: Statements<'_>) -> Result<Vec<Vec<Row>>, Error> {
        match self.rows_max {
            None => batch.send().await,
            Some(_) => batch.send_one_by_one().await,
        }
    }

    pub(super) async fn run(mut self) -> Result<Outcome, Abort> {
        let client = self.database.inner.pools.lane(self.lane).await?;
        let result = self.write(&client).await;
        if !matches!(result, Ok(Outcome::Committed(_))) && !client.is_closed() {
            // An error of this one changes nothing: the connection is broken then.
            let _ = client.batch_execute("ROLLBACK").await;
        }
        match &result {
            Ok(Outcome::Committed(_)) => {
                if let Some(parcel) = self.parcel.take() {
                    parcel.leave(self.database);
                }
                let news = std::mem::take(&mut self.publication.news);
                let bell = &self.database.inner.bell;
                match self.way {
                    Way::AtOnce => bell.ring_behind_letter(news),
                    Way::Along | Way::Plain => bell.ring(news),
                }
            }
            Err(Abort::Value(_) | Abort::Guessed) | Ok(_) => {}
            Err(_) => drop(deadpool_postgres::Object::take(client)),
        }
        result
    }

    async fn write(&mut self, client: &Client) -> Result<Outcome, Abort> {
        // Before the transaction: queues that are made stay, whatever becomes of it.
        let queues = &self.database.inner.committers.queues;
        let learned = self.publication.learn(client, queues).await;
        learned.map_err(|error| self.abort(&error))?;
        let warmed = warm(self.database, client).await;
        warmed.map_err(|error| self.abort(&error))?;
        if self.way != Way::Plain {
            self.companions = Companions::of(&self.commits, queues).beside(&self.settlements);
        }
        if let Some(own) = self.sent_at_once(client)? {
            return self.last_round(client, &own).await;
        }
        let mut first = self.first_round(client).await?;
        if !self.lock(&first)? {
            self.make_cursors(client).await?;
            first = self.first_round(client).await?;
            // Those that are missing even now, whoever made the others, are of queues that are gone:
            // then their messages count as settled.
            self.lock(&first)?;
        }
        self.companions.decide(&self.cursors, &seen(&first.seen));
        let refused = self.refused(&first)?;
        if !refused.is_empty() {
            let refused = clash::explain(client, &self.commits, refused).await;
            return Ok(Outcome::Refused(refused));
        }
        self.last_round(client, &first.own).await
    }

    /// Takes the locked cursors in; `false` when some are missing.
    fn lock(&mut self, first: &FirstRound) -> Result<bool, Abort> {
        let cursors = locked(&first.cursors);
        self.cursors = cursors.map_err(|error| self.abort(&error))?;
        Ok(self.settlements.take_in(&self.cursors))
    }

    /// The commits that cannot be, by their numbers.
    fn refused(&mut self, first: &FirstRound) -> Result<Refusals, Abort> {
        let mut refused: HashMap<usize, Result<Committed, Refused>> = HashMap::new();
        for (set, rows) in self.sets.iter().zip(&first.written) {
            if rows.len() == set.changes.len() || set.deed == Deed::Put {
                continue;
            }
            if !set.tells() && set.changes.len() > 1 {
                return Err(Abort::Value(Refused::Dependent));
            }
            let written: HashSet<&str> = rows.iter().map(|row| row.get(0)).collect();
            for (nth, change) in &set.changes {
                let id = identity(set.schema, change);
                if !written.contains(id.as_str()) {
                    let table = set.schema.table;
                    refused.insert(*nth, Err(Refused::Conflict { table, id }));
                }
            }
        }
        let settled = self.settlements.settle(&first.unparked);
        for nth in settled.map_err(|error| self.abort(&error))? {
            refused.insert(nth, Err(Refused::Settled));
        }
        self.find_duplicates(&first.known_keys, &mut refused);
        Ok(refused.into_iter().collect())
    }

    fn find_duplicates(
        &self,
        known_keys: &[Row],
        refused: &mut HashMap<usize, Result<Committed, Refused>>,
    ) {
        if known_keys.is_empty() {
            return;
        }
        let known: HashMap<&[u8], (Uuid, Position)> = known_keys
            .iter()
            .map(|row| (row.get(0), (row.get(1), Position(number(row.get(2))))))
            .collect();
        for (nth, commit) in self.commits.iter().enumerate() {
            let mut keys = messages(commit).filter_map(digest);
            let found = keys.find_map(|key| known.get(key.as_slice()).copied());
            if let Some((id, position)) = found {
                refused.insert(nth, Ok(Committed::Duplicate { id, position }));
            }
        }
    }

    /// Sends all that depended on the first answers, or all if there was no round before, and
    /// commits.
    async fn last_round(&mut self, client: &Client, own: &Own) -> Result<Outcome, Abort> {
        self.spare();
        let moved = Moved::of(&self.settlements, &self.companions, &self.cursors);
        let publication = (&self.publication, self.rows_max);
        let companions = (&self.companions, moved);
        let mut last = Last::of(self.database, &self.settlements, publication, companions);
        // With keys the answer has to be looked at before: somebody else may have had one.
        let looks_first = !self.publication.keys.is_empty();
        let round = match own {
            Own::Sent { .. } => Round::Only,
            Own::Numbered { .. } if looks_first => Round::Open,
            Own::Numbered { .. } => Round::Second,
        };
        if round == Round::Only {
            last = last.guessing();
        }
        let sent = self.send_last(client, &last, round).await;
        if round == Round::Only && last.moves() {
            self.database.inner.committers.known.guessed(sent.is_ok());
        }
        let answers = match sent {
            Ok(answers) => answers,
            Err(Unsent::Value(_)) if self.companions.any_goes() => return Err(Abort::Guessed),
            Err(Unsent::Value(error)) => return Err(Abort::Value(Refused::Store(error))),
            Err(Unsent::Failed(error)) if self.has_guessed(&error) => return Err(Abort::Guessed),
            Err(Unsent::Failed(error)) if !looks_first => return self.fate(own, &error).await,
            Err(Unsent::Failed(error)) => return Err(self.abort(&error)),
        };
        let written = &*answers.written;
        if answers.grown != last.queue_ids.len() {
            self.database.inner.committers.queues.clear();
            if !looks_first {
                tracing::error!("messages went to queues that somebody has removed");
            }
            let why = "the tables were emptied meanwhile";
            return Err(Abort::Again(unavailable("the commit", why)));
        }
        if looks_first {
            self.admit(written)?;
            if let Err(error) = client.batch_execute("COMMIT").await {
                return self.fate(own, &error).await;
            }
        }
        last.learn(&self.database.inner.committers.known);
        if let Some(parcel) = self.parcel.take() {
            parcel.hand_over(self.database, written.iter().flatten().next());
        }
        Ok(Outcome::Committed(self.committed(written)))
    }

    /// Spares subscriptions that will have settled what is published the news of it. Of what is
    /// carried relays alone hear.
    fn spare(&mut self) {
        if self.parcel.is_some() || !self.companions.any_goes() {
            return;
        }
        let published = &mut self.publication.news.published;
        published.clear();
        for (nth, commit) in self.commits.iter().enumerate() {
            match self.companions.goes(nth) {
                true => published.extend(commit.published_along()),
                false => published.extend(commit.published()),
            }
        }
    }

    /// Somebody else may have used an idempotency key at the same moment.
    fn admit(&self, written: &[Vec<Row>]) -> Result<(), Abort> {
        let admitted: u64 = written
            .iter()
            .filter_map(|rows| rows.first())
            .map(|row| number(row.get(2)))
            .sum();
        if admitted == self.publication.keys.len() as u64 {
            return Ok(());
        }
        let why = "an idempotency key was used by somebody else at the same moment";
        Err(Abort::Again(unavailable("the commit", why)))
    }

    /// What became of each commit, by the positions that were given.
    fn committed(&self, written: &[Vec<Row>]) -> Vec<Committed> {
        let positions: HashMap<Uuid, u64> = written
            .iter()
            .flatten()
            .map(|row| (row.get(0), number(row.get(1))))
            .collect();
        let of = |(nth, commit): (usize, &&Commit)| {
            let first = messages(commit).next();
            let position = first.and_then(|first| positions.get(&first.id));
            Committed::Done {
                position: position.copied().map(Position),
                along: self.companions.goes(nth),
            }
        };
        self.commits.iter().enumerate().map(of).collect()
    }

    /// Whether an error may mean that something was not as it was believed to be, or that a value of
    /// what goes along is not to be had.
    fn has_guessed(&self, error: &Error) -> bool {
        let is_value = self.companions.any_goes() && trouble(error) == Trouble::Value;
        self.way != Way::Plain && (is_unmet(error) || is_value)
    }

    /// What an error at the end of a transaction means, which may be committed all the same.
    async fn fate(&self, own: &Own, error: &Error) -> Result<Outcome, Abort> {
        if trouble(error) != Trouble::Away {
            return Err(self.abort(error));
        }
        match own.fate(self.database, self.lane).await {
            Fate::Committed => Ok(Outcome::Committed(self.committed(&[]))),
            Fate::Undone => Err(self.abort(error)),
            Fate::Unknown => Err(Abort::Failed(fate::unknown())),
        }
    }

    /// The abort that an error means.
    pub(super) fn abort(&self, error: &Error) -> Abort {
        match trouble(error) {
            Trouble::Value => {
                let commit = self.commits.first().filter(|_| self.commits.len() == 1);
                Abort::Value(match commit {
                    Some(commit) => clash::refusal(commit, error),
                    None => Refused::Store(failed("the change", error)),
                })
            }
            Trouble::Away | Trouble::Clash | Trouble::Stale => {
                Abort::Again(failed("the commit", error))
            }
            Trouble::Tables | Trouble::Other => Abort::Failed(failed("the commit", error)),
        }
    }
}
