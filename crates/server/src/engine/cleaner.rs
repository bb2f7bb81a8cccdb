//! Cleans, now and then, for as long as the engine runs.

use std::sync::Arc;
use std::time::Duration;

use protean_core::config::{Age, Retention as Ages};
use protean_core::domain::Domain;
use protean_core::port;
use protean_core::port::retention::Kind;

use super::context::Context;
use crate::cleaning::{self, Mode};

/// What is to go is there for so many rounds longer than asked, at most.
const ROUNDS_PER_AGE: u32 = 24;

/// The least and the longest time between two rounds: the one keeps ages of seconds, which tests
/// have, from making a server do nothing else, the other spreads the work of a day.
const INTERVAL_MIN: Duration = Duration::from_secs(1);
const INTERVAL_MAX: Duration = Duration::from_secs(6 * 3_600);

/// How long a server is left alone after its start, at most.
const DELAY_MAX: Duration = Duration::from_secs(60);

/// Cleans until it is dropped.
pub(super) async fn clean<D: Domain>(context: Arc<Context<D>>) {
    let interval = interval(&context.app.config().retention);
    // sleep: a server has better things to do when it starts
    tokio::time::sleep(interval.min(DELAY_MAX)).await;
    loop {
        if let Err(error) = round(&context).await {
            tracing::debug!(%error, "not everything that is old was removed");
        }
        // sleep: the interval between two rounds
        tokio::time::sleep(interval).await;
    }
}

/// The time between two rounds.
fn interval(ages: &Ages) -> Duration {
    let ages = Kind::ALL.map(|kind| match ages.age(kind) {
        Age::After(age) => age / ROUNDS_PER_AGE,
        Age::Never => INTERVAL_MAX,
    });
    let least = ages.into_iter().min().unwrap_or(INTERVAL_MAX);
    least.clamp(INTERVAL_MIN, INTERVAL_MAX)
}

/// Goes through every kind once, unless another process does.
async fn round<D: Domain>(context: &Context<D>) -> Result<(), port::Error> {
    let retention = &*context.app.tier().retention;
    let Some(_turn) = retention.turn().await? else {
        return Ok(());
    };
    for kind in Kind::ALL {
        let ages = &context.app.config().retention;
        let Some(sweep) = cleaning::sweep(kind, ages, &context.subscriptions) else {
            continue;
        };
        let told = |rows| context.monitor.cleaned(kind, rows);
        let removed = cleaning::run(retention, &sweep, Mode::Remove, told).await?;
        if removed > 0 {
            tracing::info!(%kind, rows = removed, "removed what is old");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_are_as_often_as_ages_need_them() {
        assert_eq!(interval(&Ages::default()), Duration::from_secs(3_600));
        let short = Ages {
            traces: Age::After(Duration::from_secs(2)),
            ..Ages::default()
        };
        assert_eq!(interval(&short), INTERVAL_MIN);
        let never = Ages {
            commands: Age::Never,
            markers: Age::Never,
            traces: Age::Never,
            imports: Age::Never,
        };
        assert_eq!(interval(&never), Duration::from_secs(3_600), "gauges");
    }
}
