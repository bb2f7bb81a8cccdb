//! What operators ask of backfill lanes, kept where every process finds it.

use crate::BoxFuture;
use crate::throttle::{Throttle, Throttles};

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
