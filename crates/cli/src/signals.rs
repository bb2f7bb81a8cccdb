//! The signals that ask a program to stop.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::Error;

/// What a shell reports for a program that an interrupt ended.
const EXIT_INTERRUPTED: i32 = 130;

/// The requests to stop that a process gets, one after another.
#[derive(Debug)]
pub(crate) struct Requests {
    interrupt: Signal,
    terminate: Signal,
}

impl Requests {
    /// Hears SIGINT and SIGTERM from now on, which then end the process no more by themselves.
    ///
    /// # Errors
    /// When the operating system does not let signals be waited for.
    pub(crate) fn listen() -> Result<Self, Error> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).map_err(Error::start)?,
            terminate: signal(SignalKind::terminate()).map_err(Error::start)?,
        })
    }

    /// The next one.
    ///
    /// # Cancel safety
    /// A request that is not taken stays for the next call.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// A future that ends when SIGINT or SIGTERM arrives. A second one ends the process on the spot,
/// which loses nothing (L9).
///
/// # Errors
/// When the operating system does not let signals be waited for.
pub fn stop_requested() -> Result<impl Future<Output = ()> + Send + 'static, Error> {
    let mut requests = Requests::listen()?;
    Ok(async move {
        requests.next().await;
        tokio::spawn(async move {
            requests.next().await;
            exit_interrupted();
        });
    })
}

/// Ends the process on the spot, as one that was interrupted.
pub(crate) fn exit_interrupted() -> ! {
    std::process::exit(EXIT_INTERRUPTED)
}
