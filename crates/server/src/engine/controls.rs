//! What operators ask of backfill lanes, on its way from the store to the scheduler.

use std::sync::Arc;
use std::time::Duration;

use protean_core::port::Controls;
use protean_core::port::broker::Subscription;
use protean_core::throttle::{Throttle, Throttles};
use tokio::sync::mpsc;

use crate::lane::Shared;

/// How often an engine looks what is asked: an operator sees the effect within a second.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// Tells of every change of what is asked, `known` being told already, for as long as anybody
/// wants to hear. While the store is away, what was asked last holds.
pub(super) async fn watch<E: From<Throttles>>(
    controls: Arc<dyn Controls>,
    mut known: Throttles,
    changes: mpsc::Sender<E>,
) {
    loop {
        // sleep: the interval between two looks
        tokio::time::sleep(LOOK_INTERVAL).await;
        match controls.throttles().await {
            Ok(asked) if asked == known => {}
            Ok(asked) => {
                tell(&known, &asked);
                if changes.send(asked.clone().into()).await.is_err() {
                    return;
                }
                known = asked;
            }
            Err(error) => {
                tracing::debug!(%error, "the lanes go on as they were asked to before");
            }
        }
    }
}

/// Logs what has changed.
fn tell(known: &Throttles, asked: &Throttles) {
    if known.domain != asked.domain {
        tracing::info!("every backfill lane is {}", asked.domain.name());
    }
    let all = known.subscriptions.keys().chain(asked.subscriptions.keys());
    let changed = all.filter(|name| known.asked_of(name) != asked.asked_of(name));
    for name in changed.collect::<std::collections::BTreeSet<_>>() {
        let now = asked.asked_of(name).name();
        tracing::info!(subscription = %name, "the backfill lane is {now}");
    }
}

/// What a scheduler of these subscriptions is to hold to: a rate that several processes share is
/// divided among them. Each process takes part in every subscription, so there are as many
/// processes as there are parts for each subscription.
pub(super) fn shared(asked: &Throttles, subscriptions: &[Subscription]) -> Vec<Shared> {
    let processes = asked.parts.div_ceil(subscriptions.len().max(1) as u64);
    let own = |throttle| match throttle {
        Throttle::Limited(rate) => Throttle::Limited(rate.divided(processes)),
        other => other,
    };
    let of_domain = Shared {
        throttle: own(asked.domain),
        subscriptions: (0..subscriptions.len()).collect(),
    };
    let named = asked.subscriptions.iter().map(|(name, throttle)| {
        let all = subscriptions.iter().enumerate();
        let same = all.filter(|(_, known)| *known.name == **name);
        Shared {
            throttle: own(*throttle),
            subscriptions: same.map(|(nth, _)| nth).collect(),
        }
    });
    named
        .chain([of_domain])
        .filter(|shared| shared.throttle != Throttle::Running)
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use protean_core::throttle::Rate;

    use super::*;

    fn limited(rate: f64) -> Throttle {
        Throttle::Limited(Rate::per_second(rate).unwrap())
    }

    #[test]
    fn a_rate_is_divided_among_processes_and_shared_by_streams() {
        let subscriptions = [("One", "a"), ("Two", "a"), ("Two", "b"), ("Three", "c")]
            .map(|(name, stream)| Subscription::new(name, stream));
        let mut asked = Throttles {
            domain: limited(100.0),
            subscriptions: BTreeMap::from([
                ("Gone".to_owned(), Throttle::Running),
                ("Three".to_owned(), Throttle::Paused),
                ("Two".to_owned(), limited(30.0)),
            ]),
            parts: 0,
        };
        let shared_by = |throttle, all: &[usize]| Shared {
            throttle,
            subscriptions: all.to_vec(),
        };
        let paused = shared_by(Throttle::Paused, &[3]);
        let expected = [
            paused.clone(),
            shared_by(limited(30.0), &[1, 2]),
            shared_by(limited(100.0), &[0, 1, 2, 3]),
        ];
        assert_eq!(shared(&asked, &subscriptions), expected);
        // Two processes, one of which is just starting.
        asked.parts = 7;
        let expected = [
            paused,
            shared_by(limited(15.0), &[1, 2]),
            shared_by(limited(50.0), &[0, 1, 2, 3]),
        ];
        assert_eq!(shared(&asked, &subscriptions), expected);
    }
}
