//! A worker of a supervisor.

use protean_core::App;
use protean_core::domain::Domain;

use super::Watched;
use super::handled::Handled;
use super::tether::{Tether, Word};
use crate::Error;
use crate::signals::Requests;

/// Serves until it is asked to stop, or the supervisor is gone; then lets work in progress finish.
///
/// Further requests change nothing: a service manager may well ask supervisor and workers, and then
/// the supervisor asks again. It is the supervisor that ends workers who take too long.
pub(super) async fn serve<D: Domain>(
    app: App<D>,
    watched: Watched,
    tether: &Tether,
) -> Result<Handled, Error> {
    let mut requests = Requests::listen()?;
    let parted = tether.parted(super::grace(&app)).map_err(Error::start)?;
    let stop = async {
        // The engine waits for a request to stop as soon as it runs, and no sooner.
        tether.say(&Word::Ready);
        tokio::select! {
            () = requests.next() => tracing::info!("stopping"),
            _ = parted => tracing::warn!("the supervisor is gone; stopping"),
        }
    };
    let handled = Handled::from(super::engine(app, watched, stop).await?);
    tether.say(&Word::Stopped(handled));
    Ok(handled)
}
