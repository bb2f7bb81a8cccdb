//! Who is measured, how often, and with what.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use protean::cli::grouped;
use protean_benchmarks::schedule::Schedule;

use crate::peer::Peer;
use crate::report::line;
use crate::trial::{Measured, Trial};

/// A peer that takes longer for its books is measured once: it would take as long again.
const SLOW: Duration = Duration::from_secs(20);

/// Who is measured, how often, and with what.
#[derive(Debug, Clone, Args)]
pub(crate) struct Plan {
    /// Books that are taken in
    #[arg(long, default_value_t = 50_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) rows: u64,
    /// Who is measured [default: all]
    #[arg(long, value_enum, value_delimiter = ',')]
    peers: Vec<Peer>,
    /// How often each is measured; one that takes longer than 20 s for its books is measured once
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) repetitions: u32,
    /// Orders per second
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(crate) rate: u32,
    /// How long orders are measured
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    pub(crate) seconds: u64,
    /// How long orders come before that
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(0..=600))]
    warm_up: u64,
    /// How many seconds the books may take; what came in by then counts
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) patience: u64,
    /// Where the release programs of the bookstore are [default: beside this one]
    #[arg(long, value_name = "FOLDER")]
    programs: Option<PathBuf>,
}

/// One measurement of one peer.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) peer: Peer,
    pub(crate) repetition: u32,
    /// Or why there is none.
    pub(crate) outcome: Result<Measured, String>,
}

impl Plan {
    /// Measures everybody, in turns, so that a noisy machine is noisy for all.
    pub(crate) fn carry_out(&self) -> Result<Vec<Entry>> {
        let all = self.peers();
        let names: Vec<String> = all.iter().map(|peer| peer.name()).collect();
        println!("{} books: {}", grouped(self.rows), names.join(", "));
        let mut entries: Vec<Entry> = Vec::new();
        for repetition in 1..=self.repetitions {
            for peer in &all {
                if entries.iter().any(|one| one.peer == *peer && one.is_last()) {
                    continue;
                }
                let outcome = self.trial(*peer)?.run();
                let entry = Entry {
                    peer: *peer,
                    repetition,
                    outcome: outcome.map_err(|error| format!("{error:#}")),
                };
                println!("{}", line(&entry));
                entries.push(entry);
            }
        }
        Ok(entries)
    }

    /// Who is measured, in the order of the table.
    pub(crate) fn peers(&self) -> Vec<Peer> {
        let is_asked = |peer: &Peer| self.peers.is_empty() || self.peers.contains(peer);
        Peer::ALL.into_iter().filter(is_asked).collect()
    }

    fn trial(&self, peer: Peer) -> Result<Trial> {
        let beside = std::env::current_exe()?;
        let beside = beside.parent().context("no folder of this program")?;
        let target = beside.parent().context("no target folder")?;
        Ok(Trial {
            peer,
            own: self.programs.clone().unwrap_or_else(|| beside.to_owned()),
            peers: target.join("peers"),
            rows: self.rows,
            patience: Duration::from_secs(self.patience),
            schedule: Schedule {
                per_second: self.rate,
                warm_up: Duration::from_secs(self.warm_up),
                measured: Duration::from_secs(self.seconds),
            },
        })
    }
}

impl Entry {
    /// Whether the peer is measured no more: it is slow, or does not work.
    fn is_last(&self) -> bool {
        self.outcome
            .as_ref()
            .map_or(true, |measured| measured.bulk.took > SLOW)
    }
}
