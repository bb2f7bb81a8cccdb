//! What is measured, and in which order.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use bookshelf::demo::tier::Tier;
use clap::Args;
use protean::cli::grouped;

use crate::measure::measure;
use crate::phase::Phase;
use crate::summary::{Results, Run};
use protean_benchmarks::interrupt::Interrupted;
use protean_benchmarks::schedule::Schedule;

/// Rows of the catalog for each second of a measurement: more than any tier takes in.
const ROWS_PER_SECOND: u64 = 60_000;

/// What a measurement takes besides what was asked for, and the import goes on meanwhile.
const MARGIN_SECONDS: u64 = 8;

/// What is measured.
#[derive(Debug, Clone, Args)]
pub(crate) struct Plan {
    /// What the shop runs on; servers that it needs are started
    #[arg(long, value_enum, default_value_t = Tier::Sqlite)]
    pub(crate) tier: Tier,
    /// Requests per second, one rate after the other; with 0 only the import is measured
    #[arg(long, value_delimiter = ',', default_value = "0,20,100,300", value_parser = clap::value_parser!(u32).range(0..=2_000))]
    pub(crate) rate: Vec<u32>,
    /// What goes on meanwhile [default: all but file]
    #[arg(long, value_enum, value_delimiter = ',')]
    phases: Vec<Phase>,
    /// How long a phase is measured
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    pub(crate) seconds: u64,
    /// How long requests come before that
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(0..=600))]
    pub(crate) warm_up: u64,
    /// How often all of it is measured
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) repetitions: u32,
}

impl Plan {
    /// All repetitions, in turns, so that a noisy machine is noisy for every phase.
    pub(crate) fn carry_out(&self) -> Result<Results> {
        let folder = tempfile::tempdir().context("no folder for the catalog")?;
        let catalog = folder.path().join(protean_benchmarks::catalog::FILE);
        let rows = ROWS_PER_SECOND * (self.seconds + self.warm_up + MARGIN_SECONDS);
        protean_benchmarks::catalog::write(&catalog, rows)?;
        println!("A catalog of {} books is written.", grouped(rows));
        let mut results = Results::default();
        for repetition in 1..=self.repetitions {
            for (per_second, phase) in self.cells() {
                let run = self.run(repetition, per_second, phase, &catalog)?;
                println!("{run}");
                results.runs.push(run);
            }
        }
        Ok(results)
    }

    /// A measurement that fails is a result; one that is interrupted is the last.
    fn run(&self, repetition: u32, per_second: u32, phase: Phase, catalog: &Path) -> Result<Run> {
        let schedule = Schedule {
            per_second,
            warm_up: Duration::from_secs(self.warm_up),
            measured: Duration::from_secs(self.seconds),
        };
        let outcome = match measure(self.tier, phase, schedule, catalog) {
            Err(error) if error.is::<Interrupted>() => return Err(error),
            outcome => outcome.map_err(|error| format!("{error:#}")),
        };
        Ok(Run {
            repetition,
            per_second,
            phase,
            outcome,
        })
    }

    /// What goes on meanwhile.
    pub(crate) fn phases(&self) -> &[Phase] {
        match self.phases.as_slice() {
            [] => &Phase::ALL,
            some => some,
        }
    }

    /// The phases at each rate.
    fn cells(&self) -> Vec<(u32, Phase)> {
        let cell = |rate: u32| self.phases().iter().map(move |phase| (rate, *phase));
        let cells = self.rate.iter().copied().flat_map(cell);
        cells
            .filter(|(rate, phase)| *rate > 0 || !phase.needs_requests())
            .collect()
    }
}
