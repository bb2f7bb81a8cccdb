//! The figures that stand for many times.

use std::time::Duration;

use hdrhistogram::Histogram;

/// An hour, in microseconds: far more than a time can be. Greater ones count as this.
const MICROS_MAX: u64 = 3_600_000_000;

/// The figures that stand for many times, in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Figures {
    /// How many times there are.
    pub count: u64,
    /// The median.
    pub p50: f64,
    /// What 95 of 100 are at most.
    pub p95: f64,
    /// What 99 of 100 are at most.
    pub p99: f64,
    /// What 999 of 1,000 are at most.
    pub p999: f64,
    /// The longest.
    pub max: f64,
}

impl Figures {
    /// To three digits.
    #[must_use]
    pub fn of(times: &[Duration]) -> Self {
        // Bounds that are in order, and digits from 0 to 5, are what it takes.
        let Ok(mut histogram) = Histogram::<u64>::new_with_bounds(1, MICROS_MAX, 3) else {
            return Self::default();
        };
        for time in times {
            let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
            histogram.saturating_record(micros);
        }
        let milliseconds = |micros: u64| Duration::from_micros(micros).as_secs_f64() * 1_000.0;
        let quantile = |quantile| milliseconds(histogram.value_at_quantile(quantile));
        Self {
            count: histogram.len(),
            p50: quantile(0.5),
            p95: quantile(0.95),
            p99: quantile(0.99),
            p999: quantile(0.999),
            max: times
                .iter()
                .max()
                .map_or(0.0, |max| max.as_secs_f64() * 1_000.0),
        }
    }

    /// The median of each figure, and the greatest count.
    #[must_use]
    pub fn median(all: &[Self]) -> Self {
        let of = |part: fn(&Self) -> f64| median(all.iter().map(part)).unwrap_or_default();
        Self {
            count: all.iter().map(|one| one.count).max().unwrap_or_default(),
            p50: of(|one| one.p50),
            p95: of(|one| one.p95),
            p99: of(|one| one.p99),
            p999: of(|one| one.p999),
            max: of(|one| one.max),
        }
    }
}

/// The one in the middle; the mean of the two when there are two. None of none.
pub fn median(all: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut all: Vec<f64> = all.into_iter().collect();
    all.sort_by(f64::total_cmp);
    let upper = *all.get(all.len() / 2)?;
    match all.len() % 2 {
        0 => all
            .get(all.len() / 2 - 1)
            .map(|lower| f64::midpoint(*lower, upper)),
        _ => Some(upper),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_one_of_the_times() {
        let times: Vec<Duration> = (1..=1_000).map(Duration::from_millis).collect();
        let figures = Figures::of(&times);
        assert_eq!((figures.count, figures.max), (1_000, 1_000.0));
        for (found, expected) in [(figures.p50, 500.0), (figures.p999, 999.0)] {
            assert!((found - expected).abs() < expected / 1_000.0, "{found}");
        }
        assert_eq!(Figures::of(&[]), Figures::default());
    }

    #[test]
    fn a_median_is_in_the_middle() {
        assert_eq!(median([3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median([4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median([]), None);
    }
}
