//! What all repetitions come to.

use std::fmt;

use crate::measure::Measured;
use crate::phase::Phase;
use protean_benchmarks::figures::{Figures, median};

/// What the times of requests may be during an import, against those in an idle shop.
pub(crate) const P99_RATIO_MAX: f64 = 1.5;
pub(crate) const P999_RATIO_MAX: f64 = 2.0;

/// How much longer than the longest request of an idle shop one may take: a quantum, and 20 ms.
pub(crate) const OVERSHOOT_MAX_MS: f64 = 25.0;

/// Everything measured.
#[derive(Debug, Default)]
pub(crate) struct Results {
    pub(crate) runs: Vec<Run>,
}

/// One phase at one rate, once.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) repetition: u32,
    pub(crate) per_second: u32,
    pub(crate) phase: Phase,
    /// Or why it was not measured.
    pub(crate) outcome: Result<Measured, String>,
}

/// One phase at one rate: the median of each figure.
#[derive(Debug)]
pub(crate) struct Summary {
    pub(crate) per_second: u32,
    pub(crate) phase: Phase,
    pub(crate) answered: Times,
    pub(crate) visible: Times,
    pub(crate) late: Figures,
    pub(crate) processors: f64,
    pub(crate) books_per_second: f64,
    /// The rate of the import as a part of that without lanes, with the same requests.
    pub(crate) of_off: Option<f64>,
    /// The same, of that without lanes and without requests.
    pub(crate) of_off_alone: Option<f64>,
    pub(crate) backlog_least: u64,
    pub(crate) looks: u32,
    pub(crate) dry: u32,
    /// Repetitions in which the importer came to the end of its file.
    pub(crate) import_ended: usize,
    pub(crate) errors: u64,
    pub(crate) missed: u64,
}

/// Times, and what they are against those of an idle shop in the same repetition.
#[derive(Debug)]
pub(crate) struct Times {
    pub(crate) figures: Figures,
    pub(crate) against_idle: Option<Against>,
}

/// The medians, and the worst of what was over.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Against {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
    /// The longest time less the longest of the idle shop, in milliseconds.
    pub(crate) over_ms: f64,
    pub(crate) over_worst_ms: f64,
}

impl Results {
    /// What makes the benchmark fail: requests that were refused, lost or late, messages given up,
    /// phases that could not be measured. Late is not wrong when bulk work has no lane of its own.
    pub(crate) fn errors(&self) -> u64 {
        self.runs.iter().map(Run::errors).sum()
    }

    /// Each phase at each rate, in the order in which they were measured.
    pub(crate) fn summaries(&self) -> Vec<Summary> {
        let mut cells: Vec<(u32, Phase)> = Vec::new();
        for run in &self.runs {
            let cell = (run.per_second, run.phase);
            if !cells.contains(&cell) {
                cells.push(cell);
            }
        }
        cells
            .into_iter()
            .filter_map(|(per_second, phase)| self.summary(per_second, phase))
            .collect()
    }

    fn summary(&self, per_second: u32, phase: Phase) -> Option<Summary> {
        let all = self.measured(per_second, phase);
        let ours: Vec<&Measured> = all.iter().map(|(_, measured)| *measured).collect();
        let books_per_second = median(ours.iter().map(|one| one.books_per_second))?;
        let of = |rate: Option<f64>| rate.map(|rate| books_per_second / rate);
        let late: Vec<Figures> = ours.iter().map(|one| one.late).collect();
        Some(Summary {
            per_second,
            phase,
            answered: self.times(per_second, phase, |one| one.answered),
            visible: self.times(per_second, phase, |one| one.visible),
            late: Figures::median(&late),
            processors: median(ours.iter().map(|one| one.processors))?,
            books_per_second,
            of_off: of(self.rate_without_lanes(per_second)),
            of_off_alone: of(self.rate_without_lanes(0)),
            backlog_least: ours.iter().map(|one| one.backlog.least).min()?,
            looks: ours.iter().map(|one| one.backlog.looks).sum(),
            dry: ours.iter().map(|one| one.backlog.dry).sum(),
            import_ended: ours.iter().filter(|one| one.import_ended).count(),
            errors: ours.iter().map(|one| one.errors).sum(),
            missed: ours.iter().map(|one| one.missed).sum(),
        })
    }

    fn measured(&self, per_second: u32, phase: Phase) -> Vec<(u32, &Measured)> {
        let ours = |run: &&Run| (run.per_second, run.phase) == (per_second, phase);
        let runs = self.runs.iter().filter(ours);
        runs.filter_map(|run| Some((run.repetition, run.outcome.as_ref().ok()?)))
            .collect()
    }

    fn rate_without_lanes(&self, per_second: u32) -> Option<f64> {
        let all = self.measured(per_second, Phase::Off);
        median(all.iter().map(|(_, one)| one.books_per_second))
    }

    fn times(&self, per_second: u32, phase: Phase, part: fn(&Measured) -> Figures) -> Times {
        let all = self.measured(per_second, phase);
        let idle = self.measured(per_second, Phase::Idle);
        let figures: Vec<Figures> = all.iter().map(|(_, one)| part(one)).collect();
        let pairs: Vec<(Figures, Figures)> = all
            .iter()
            .filter_map(|(repetition, one)| {
                let (_, idle) = idle.iter().find(|(other, _)| other == repetition)?;
                Some((part(one), part(idle)))
            })
            .collect();
        Times {
            figures: Figures::median(&figures),
            against_idle: Against::of(&pairs).filter(|_| phase != Phase::Idle),
        }
    }
}

impl Run {
    fn errors(&self) -> u64 {
        match &self.outcome {
            Err(_) => 1,
            Ok(measured) if self.phase == Phase::Off => measured.errors,
            Ok(measured) => measured.errors + measured.missed,
        }
    }
}

impl Against {
    /// Of pairs of figures: those of a phase, and those of the idle shop.
    fn of(pairs: &[(Figures, Figures)]) -> Option<Self> {
        let ratio = |part: fn(&Figures) -> f64| {
            median(pairs.iter().map(|(busy, idle)| part(busy) / part(idle)))
        };
        let over = || pairs.iter().map(|(busy, idle)| busy.max - idle.max);
        Some(Self {
            p50: ratio(|of| of.p50)?,
            p99: ratio(|of| of.p99)?,
            p999: ratio(|of| of.p999)?,
            over_ms: median(over())?,
            over_worst_ms: over().fold(f64::NEG_INFINITY, f64::max),
        })
    }

    /// The bounds that do not hold, by name.
    pub(crate) fn broken(&self) -> Vec<&'static str> {
        let bounds = [
            ("p99", self.p99 <= P99_RATIO_MAX),
            ("p99.9", self.p999 <= P999_RATIO_MAX),
            ("max", self.over_ms <= OVERSHOOT_MAX_MS),
        ];
        let broken = bounds.into_iter().filter(|(_, holds)| !holds);
        broken.map(|(name, _)| name).collect()
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            repetition,
            per_second,
            phase,
            outcome,
        } = self;
        write!(f, "{repetition:>3}  {per_second:>4}/s  {:8}", phase.name())?;
        let measured = match outcome {
            Err(why) => return write!(f, "not measured: {why}"),
            Ok(measured) => measured,
        };
        if *per_second > 0 {
            let times = [("answer", measured.answered), ("visible", measured.visible)];
            for (name, Figures { p50, p99, max, .. }) in times {
                write!(f, "{name} p50 {p50:.1} p99 {p99:.1} max {max:.1} ms, ")?;
            }
        }
        write!(f, "{:.0} books/s", measured.books_per_second)?;
        if measured.errors + measured.missed > 0 {
            let told = measured.told.join("; ");
            write!(
                f,
                "; {} errors, {} missed: {told}",
                measured.errors, measured.missed
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(p50: f64, p99: f64, p999: f64, max: f64) -> Figures {
        Figures {
            count: 100,
            p50,
            p95: p50,
            p99,
            p999,
            max,
        }
    }

    #[test]
    fn bounds_hold_for_the_median_of_the_repetitions() {
        let idle = figures(1.0, 2.0, 3.0, 4.0);
        let good = figures(1.0, 3.0, 6.0, 29.0);
        let bad = figures(1.0, 30.0, 60.0, 300.0);
        let against = Against::of(&[(good, idle), (bad, idle), (good, idle)]).unwrap();
        assert_eq!(against.broken(), [""; 0]);
        assert!((against.over_worst_ms - 296.0).abs() < 1e-9);
        let against = Against::of(&[(bad, idle)]).unwrap();
        assert_eq!(against.broken(), ["p99", "p99.9", "max"]);
        assert!(Against::of(&[]).is_none());
    }
}
