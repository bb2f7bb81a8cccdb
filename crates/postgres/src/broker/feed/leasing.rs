//! How a feed comes by leases.

use std::time::{Duration, Instant};

use deadpool_postgres::Client;
use protean_core::Lane;
use protean_core::config::CrossLaneOrder;
use protean_core::port::broker::Delivery;
use tokio_postgres::Error;

use super::LaneFeed;
use crate::broker::claim::{self, Lease};
use crate::broker::lease::{self, Bounds, Leased, Party};
use crate::broker::order::WAITING_MAX;
use crate::message::{Logged, column};

/// The most messages that are leased at once: more would be lost for longer with their process.
const LEASE_MAX: usize = 1_024;

/// The most backfill messages that are leased at once while production is about: the database reads
/// them in a fraction of a quantum.
const LEASE_MAX_ABOUT: usize = 256;

/// The most messages that are taken before it is known which queues have some: enough for a shop
/// that is not behind, and few beside those of more urgent queues, which are asked for after it.
const AT_ONCE_MAX: usize = 16;

/// How long after a look for leases that nobody owns the next one may be, while there are messages:
/// far below what it takes to know that somebody is gone.
const ADOPT_PAUSE: Duration = Duration::from_millis(100);

impl LaneFeed {
    /// How many messages are leased at once: few of backfill while production is about, since the
    /// database reads them at one stretch.
    pub(super) fn lease_max(&self) -> usize {
        let pace = self.database.inner.bell.pace();
        match pace.gives_way(self.lane) {
            true => LEASE_MAX_ABOUT,
            false => LEASE_MAX,
        }
    }

    /// Whether single messages of the lane are taken out of its queues.
    pub(super) const fn is_shared(&self) -> bool {
        matches!(
            (self.order, self.lane),
            (CrossLaneOrder::PerKey, Lane::Backfill)
        )
    }

    /// The queue that had some messages last, when a few may be taken before it is known which others
    /// have some.
    fn recent(&self, (count_max, bounds): (usize, &Bounds)) -> Option<i64> {
        let has_room = count_max >= 2 * AT_ONCE_MAX && self.waiting.len() < WAITING_MAX;
        let may = self.lane == Lane::Primary && *bounds == Bounds::None && has_room;
        self.recent.filter(|_| may)
    }

    /// Hands out the next few messages of the queue that has had some lately, if it is likely that
    /// it has; whether that is all for now. A shop that is not behind has one message at a time, and
    /// to ask for anything else takes the database longer than that. Every other fetch looks at
    /// everything.
    pub(super) async fn take_alone(
        &mut self,
        client: &Client,
        party: Party<'_>,
        asked: (usize, &Bounds),
        found: &mut Vec<Delivery>,
    ) -> Result<bool, Error> {
        let likely = self.had_some && self.waiting.len() == 0;
        let Some(queue) = self.recent(asked).filter(|_| likely) else {
            return Ok(false);
        };
        let next = self.take_few(client, party, queue).await?;
        self.had_some = next.taken > 0;
        self.handed = next.last();
        let is_all = self.had_some && next.taken < AT_ONCE_MAX;
        self.asked_alone = is_all.then(Instant::now);
        if self.had_some {
            self.hand_out(client, party, next, found).await?;
        }
        Ok(is_all)
    }

    /// The next few messages of the queue that has had some lately. Where it is known what is next,
    /// on the connection on which what they do will be committed: its server's process is awake then.
    async fn take_few(
        &mut self,
        client: &Client,
        party: Party<'_>,
        queue: i64,
    ) -> Result<Leased, Error> {
        let interner = &mut self.interner;
        let handed = self.handed.filter(|_| self.trust.holds());
        if let (Some(handed), Some(client)) =
            (handed, self.database.inner.pools.idle(self.lane).await)
        {
            let place = (queue, handed);
            let next = lease::take_after(&client, party, place, AT_ONCE_MAX, interner).await?;
            self.trust.judge(next.taken > 0);
            if next.taken > 0 {
                return Ok(next);
            }
        }
        let limits = (AT_ONCE_MAX, i64::MAX);
        lease::take(client, party, queue, limits, interner).await
    }

    /// The look at everything else after messages were taken alone, when nobody has told of more: it
    /// is likely that there is none. For leases that nobody owns it is the turn now and then; all
    /// processes look for them every second.
    pub(super) async fn look_behind(
        &mut self,
        client: &Client,
        party: Party<'_>,
        asked: (usize, &Bounds),
        found: &mut Vec<Delivery>,
    ) -> Result<Vec<(i64, i64)>, Error> {
        match self.adopted.is_some_and(|at| at.elapsed() < ADOPT_PAUSE) {
            true => lease::grown(client, party, asked.1).await,
            false => self.look(client, party, asked, found).await,
        }
    }

    /// Hands out what nobody owns any more, and the next few messages of the queue that had some
    /// last; says which queues have more to hand out. All of it is asked at once: each round trip
    /// is a part of what a message takes.
    pub(super) async fn look(
        &mut self,
        client: &Client,
        party: Party<'_>,
        (count_max, bounds): (usize, &Bounds),
        found: &mut Vec<Delivery>,
    ) -> Result<Vec<(i64, i64)>, Error> {
        let recent = self.recent((count_max, bounds));
        let adopts = recent.is_none() || self.adopted.is_none_or(|at| at.elapsed() >= ADOPT_PAUSE);
        let known = adopts.then(|| self.known_leases());
        let interner = &mut self.interner;
        let next = async {
            match recent {
                Some(queue) => {
                    let limits = (AT_ONCE_MAX, i64::MAX);
                    lease::take(client, party, queue, limits, interner).await
                }
                None => Ok(Leased::default()),
            }
        };
        let adopted = async {
            match &known {
                Some(known) => lease::adopt(client, party, known).await,
                None => Ok(None),
            }
        };
        // The queues before the messages: what comes in between is heard of.
        let (mut grown, next, mut adopted) =
            tokio::try_join!(lease::grown(client, party, bounds), next, adopted)?;
        if let Some(recent) = recent.filter(|_| next.taken < AT_ONCE_MAX) {
            grown.retain(|(queue, _)| *queue != recent);
        }
        if adopts {
            self.adopted = Some(Instant::now());
        } else if next.taken == 0 {
            // Whatever it was woken for, it may be this.
            adopted = lease::adopt(client, party, &self.known_leases()).await?;
        }
        // Also with as much waiting as may: it may be for these.
        while let Some(lease) = adopted {
            let leased = self.take_over(client, party, lease).await?;
            self.hand_out(client, party, leased, found).await?;
            if found.len() >= count_max {
                break;
            }
            adopted = lease::adopt(client, party, &self.known_leases()).await?;
        }
        if next.taken > 0 {
            self.had_some = true;
            self.handed = next.last();
            self.hand_out(client, party, next, found).await?;
        }
        Ok(grown)
    }

    /// The leases that it knows of.
    fn known_leases(&self) -> Vec<i64> {
        let mut known = self.hand.leases();
        if self.is_shared() {
            known.extend(self.promotions.leases());
        }
        known
    }

    /// What is under a lease that nobody owned any more, or that was its own and unknown to it.
    async fn take_over(
        &mut self,
        client: &Client,
        party: Party<'_>,
        adopted: Lease,
    ) -> Result<Leased, Error> {
        let mut others = Vec::new();
        if self.is_shared() {
            others = claim::leases(client, party, &[column(adopted.queue)]).await?;
            others.retain(|other| other.id < adopted.id);
        }
        let mut leased = lease::messages(client, party, &adopted, &mut self.interner).await?;
        leased.leave(&others);
        Ok(leased)
    }

    /// The next messages of a queue, but for those that were taken out of it.
    pub(super) async fn lease(
        &mut self,
        client: &mut Client,
        party: Party<'_>,
        queue: i64,
        limits: (usize, i64),
    ) -> Result<Leased, Error> {
        let is_shared = self.is_shared();
        let interner = &mut self.interner;
        if !is_shared {
            return lease::take(&*client, party, queue, limits, interner).await;
        }
        let transaction = client.transaction().await?;
        claim::lock(&transaction, party, &[queue]).await?;
        let others = claim::leases(&transaction, party, &[queue]).await?;
        let mut leased = lease::take(&transaction, party, queue, limits, interner).await?;
        transaction.commit().await?;
        leased.leave(&others);
        Ok(leased)
    }

    /// Leases messages that came from elsewhere, but for those that are leased or settled: what
    /// each lease has.
    pub(super) async fn lease_arrived(
        &self,
        client: &mut Client,
        party: Party<'_>,
        mut arrived: Vec<Logged>,
    ) -> Result<Vec<Leased>, Error> {
        let mut queues: Vec<i64> = arrived.iter().map(|one| column(one.queue)).collect();
        queues.sort_unstable();
        queues.dedup();
        let transaction = client.transaction().await?;
        claim::lock(&transaction, party, &queues).await?;
        let others = claim::leases(&transaction, party, &queues).await?;
        let settled = claim::cursors(&transaction, party, &queues).await?;
        arrived.retain(|one| {
            let settled = settled.get(&one.queue);
            claim::covering(&others, (one.queue, one.sequence)).is_none()
                && settled.is_none_or(|settled| !settled.contains(one.sequence))
        });
        let places = arrived.iter().map(|one| (one.queue, one.sequence));
        let ranges = claim::ranges(places.collect());
        let leases = claim::lease(&transaction, party, &ranges).await?;
        transaction.commit().await?;
        let mut all = Vec::with_capacity(leases.len());
        for lease in leases {
            let of_lease = |one: &mut Logged| lease.covers((one.queue, one.sequence));
            let messages: Vec<_> = arrived.extract_if(.., of_lease).collect();
            all.push(Leased {
                lease: lease.id,
                settled: settled.get(&lease.queue).cloned().unwrap_or_default(),
                taken: messages.len(),
                messages,
            });
        }
        Ok(all)
    }
}
