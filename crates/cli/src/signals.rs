//! The signals that ask a program to stop.

use tokio::signal::unix::{SignalKind, signal};

use crate::Error;

/// What a shell reports for a program that an interrupt ended.
const EXIT_INTERRUPTED: i32 = 130;

/// A future that ends when SIGINT or SIGTERM arrives. A second one ends the process on the spot,
/// which loses nothing (L9).
///
/// # Errors
/// When the operating system does not let signals be waited for.
pub fn stop_requested() -> Result<impl Future<Output = ()> + Send + 'static, Error> {
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Error::start)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(Error::start)?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        tokio::spawn(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            std::process::exit(EXIT_INTERRUPTED);
        });
    })
}
