//! The server's own port: whether it lives, whether it is ready, and its metrics.
//!
//! It is for those who watch the server, on the same machine unless the configuration says
//! otherwise. Each worker of a supervisor has one, on the ports from the configured one on: what
//! one process says of itself needs nobody in between.

mod answer;

use std::convert::Infallible;
use std::io::{self, ErrorKind, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use protean_core::config;
use protean_server::Monitor;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::Error;
use crate::logging::Form;

/// Requests that are answered at the same time: a few of those who watch, and whoever looks by
/// hand. More wait to be accepted.
const CONNECTIONS_MAX: usize = 16;

/// How long a connection may take, from its first byte to its last.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(10);

/// How long accepting pauses when the system has no more of something.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// The port, which listens.
#[derive(Debug)]
pub(super) struct Port {
    listener: TcpListener,
    monitor: Monitor,
}

/// Where a port is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    address: IpAddr,
    port: u16,
}

impl Wanted {
    /// Where the configuration wants it for this worker, counted from 1; `port` goes before what
    /// it says. `None` when nobody wants one.
    pub(super) fn of(config: &config::Metrics, port: Option<u16>, worker: u32) -> Option<Self> {
        let first = port.unwrap_or(config.port);
        let offset = u16::try_from(worker.saturating_sub(1)).unwrap_or(u16::MAX);
        let free = 0;
        let port = match first {
            0 => free,
            first => first.checked_add(offset).unwrap_or(free),
        };
        (config.enabled || first != config.port).then_some(Self {
            address: config.address,
            port,
        })
    }
}

impl Port {
    /// Listens where it is wanted, or at another port when somebody else listens there.
    ///
    /// # Errors
    /// When the address is none of this machine's, or the port is reserved.
    pub(super) async fn open(wanted: Wanted, monitor: Monitor) -> Result<Self, Error> {
        let Wanted { address, port } = wanted;
        let listener = match TcpListener::bind((address, port)).await {
            Err(error) if error.kind() == ErrorKind::AddrInUse => {
                TcpListener::bind((address, 0)).await
            }
            other => other,
        };
        let listener = listener.map_err(|cause| Error::MetricsPort {
            address: SocketAddr::new(address, port),
            cause,
        })?;
        Ok(Self { listener, monitor })
    }

    /// Says where it listens, on standard error.
    pub(super) fn announce(&self, form: Form) {
        let Ok(address) = self.listener.local_addr() else {
            return;
        };
        match form {
            // A line of another form would break what reads the log.
            Form::Json => tracing::info!(%address, "metrics"),
            Form::Console => {
                // Nobody is left to tell when this fails.
                let _ = writeln!(io::stderr(), "Metrics at http://{address}/metrics");
            }
        }
    }

    /// Answers until it is dropped.
    pub(super) async fn serve(self) {
        let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        loop {
            // A semaphore that is never closed always gives.
            let Ok(slot) = slots.clone().acquire_owned().await else {
                return;
            };
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    let monitor = self.monitor.clone();
                    tokio::spawn(async move {
                        converse(stream, monitor).await;
                        drop(slot);
                    });
                }
                Err(error) => {
                    tracing::debug!(%error, "no connection");
                    // sleep: the system has to find room again
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

async fn converse(stream: TcpStream, monitor: Monitor) {
    let monitor = &monitor;
    let answer = service_fn(|request| async move {
        Ok::<_, Infallible>(answer::answer(monitor, &request).await)
    });
    let connection = http1::Builder::new()
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), answer);
    let ended = tokio::time::timeout(CONNECTION_TIMEOUT, connection).await;
    if !matches!(ended, Ok(Ok(()))) {
        tracing::debug!("a connection to the metrics ended early");
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn config() -> config::Metrics {
        config::Metrics {
            port: 9_100,
            ..config::Metrics::default()
        }
    }

    #[test]
    fn workers_have_the_ports_after_each_other() {
        let port = |asked, worker| Wanted::of(&config(), asked, worker).map(|it| it.port);
        assert_eq!(port(None, 1), Some(9_100));
        assert_eq!(port(None, 3), Some(9_102));
        assert_eq!(port(Some(7_000), 2), Some(7_001));
        assert_eq!(port(Some(0), 2), Some(0));
        assert_eq!(port(Some(u16::MAX), 2), Some(0), "there is none after it");
    }

    #[test]
    fn a_port_that_is_asked_for_is_there_though_metrics_are_off() {
        let off = config::Metrics {
            enabled: false,
            ..config()
        };
        assert_eq!(Wanted::of(&off, None, 1), None);
        let expected = Wanted {
            address: Ipv4Addr::LOCALHOST.into(),
            port: 7_000,
        };
        assert_eq!(Wanted::of(&off, Some(7_000), 1), Some(expected));
    }
}
