//! What operators ask of backfill lanes, kept where every process finds it.

use crate::BoxFuture;
use crate::throttle::{Rate, Throttle, Throttles};

use super::Error;

/// What operators ask of backfill lanes. It is durable: it holds until something else is asked,
/// whoever restarts meanwhile.
pub trait Controls: Send + Sync + 'static {
    /// All that is asked now. Every engine looks twice a second, so it is one cheap query.
    ///
    /// # Errors
    /// When the store cannot answer.
    ///
    /// # Cancel safety
    /// Cancel safe: nothing is changed.
    fn throttles(&self) -> BoxFuture<'_, Result<Throttles, Error>>;

    /// Asks something of the subscription with this name, on all streams that it reads, or of the
    /// whole domain. Says what was asked of it before.
    ///
    /// # Errors
    /// When the store cannot answer.
    ///
    /// # Cancel safety
    /// Dropping the future does not undo anything: it may have been asked or not.
    fn throttle<'a>(
        &'a self,
        subscription: Option<&'a str>,
        throttle: Throttle,
    ) -> BoxFuture<'a, Result<Throttle, Error>>;
}

/// The name under which what is asked of the whole domain is kept, which no handler has.
pub const DOMAIN: &str = "";

/// What was kept as a rate, as [`Throttle::rate`] gives it: none is a lane that is paused. A lane
/// that runs is not kept at all.
///
/// # Errors
/// When it is no rate.
pub fn kept(rate: Option<f64>) -> Result<Throttle, Error> {
    let Some(rate) = rate else {
        return Ok(Throttle::Paused);
    };
    let limited = Rate::per_second(rate).map(Throttle::Limited);
    limited.map_err(|error| Error::Corrupt {
        table: "protean_throttle".to_owned(),
        why: error.to_string(),
    })
}

/// Adds what was kept under a name to all that is asked.
///
/// # Errors
/// When what was kept is no rate.
pub fn add(throttles: &mut Throttles, name: String, rate: Option<f64>) -> Result<(), Error> {
    let throttle = kept(rate)?;
    if name == DOMAIN {
        throttles.domain = throttle;
    } else {
        throttles.subscriptions.insert(name, throttle);
    }
    Ok(())
}
