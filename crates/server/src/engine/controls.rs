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

/// What holds until it is known what is asked: primary work starts at once, and what is paused
/// stays paused.
pub(super) fn unknown() -> Throttles {
    Throttles {
        domain: Throttle::Paused,
        ..Throttles::default()
    }
}

/// Tells what is asked as soon as that can be read, and then of every change, for as long as
/// anybody wants to hear. While the store is away, what was asked last holds.
///
/// `own_parts` are the parts this process takes in subscriptions, which the first count does not
/// have yet.
pub(super) async fn watch<E: From<Throttles>>(
    controls: Arc<dyn Controls>,
    own_parts: u64,
    changes: mpsc::Sender<E>,
) {
    let mut known = None;
    loop {
        match controls.throttles().await {
            Ok(asked) if known.as_ref() == Some(&asked) => {}
            Ok(asked) => {
                let mut told = asked.clone();
                if known.is_none() {
                    told.parts += own_parts;
                }
                tell(&known.unwrap_or_default(), &told);
                if changes.send(told.into()).await.is_err() {
                    return;
                }
                known = Some(asked);
            }
            Err(error) if known.is_none() => {
                tracing::warn!(%error, "backfill waits until it is known which lanes are paused");
            }
            Err(error) => {
                tracing::debug!(%error, "the lanes go on as they were asked to before");
            }
        }
        // sleep: the interval between two looks
        tokio::time::sleep(LOOK_INTERVAL).await;
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
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

    use protean_core::throttle::Rate;
    use protean_core::{BoxFuture, port};

    use super::*;

    fn limited(rate: f64) -> Throttle {
        Throttle::Limited(Rate::per_second(rate).unwrap())
    }

    /// A store that is away at first.
    struct Late {
        failures_left: AtomicU32,
        asked: Throttles,
    }

    impl Controls for Late {
        fn throttles(&self) -> BoxFuture<'_, Result<Throttles, port::Error>> {
            let left = &self.failures_left;
            let failed = left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1));
            let answer = match failed {
                Ok(_) => Err(port::Error::Unavailable {
                    what: "the store".to_owned(),
                    why: "it is away".to_owned(),
                }),
                Err(_) => Ok(self.asked.clone()),
            };
            Box::pin(std::future::ready(answer))
        }

        fn throttle<'a>(
            &'a self,
            _: Option<&'a str>,
            _: Throttle,
        ) -> BoxFuture<'a, Result<Throttle, port::Error>> {
            unreachable!("a watch asks for nothing")
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_is_away_at_the_start_is_waited_for() {
        let late = Late {
            failures_left: AtomicU32::new(3),
            asked: Throttles {
                domain: limited(30.0),
                parts: 2,
                ..Throttles::default()
            },
        };
        let (changes, mut told) = mpsc::channel::<Throttles>(4);
        let watch = tokio::spawn(watch(Arc::new(late), 1, changes));
        let first = told.recv().await.unwrap();
        assert_eq!((first.domain, first.parts), (limited(30.0), 3));
        assert!(!watch.is_finished(), "it goes on to look");
        watch.abort();
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
