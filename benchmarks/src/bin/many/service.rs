//! A service outside: it takes its time for each call, and counts what it was told.

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What it answers with.
const HEARD: u8 = 1;

/// What it was told until now.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Told {
    pub(crate) calls: u64,
    pub(crate) books: u64,
}

#[derive(Debug, Default)]
struct Counts {
    calls: AtomicU64,
    books: AtomicU64,
}

/// A service on a port of its own, for as long as its runtime.
pub(crate) struct Service {
    port: u16,
    counts: Arc<Counts>,
}

impl Service {
    pub(crate) async fn start(wait: Duration) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let counts = Arc::<Counts>::default();
        let counting = counts.clone();
        tokio::spawn(async move {
            while let Ok((caller, _)) = listener.accept().await {
                tokio::spawn(answer(caller, wait, counting.clone()));
            }
        });
        Ok(Self { port, counts })
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn told(&self) -> Told {
        Told {
            calls: self.counts.calls.load(Ordering::Relaxed),
            books: self.counts.books.load(Ordering::Relaxed),
        }
    }
}

async fn answer(mut caller: TcpStream, wait: Duration, counts: Arc<Counts>) -> io::Result<()> {
    let books = caller.read_u64().await?;
    // sleep: it stands for what a service does
    tokio::time::sleep(wait).await;
    counts.calls.fetch_add(1, Ordering::Relaxed);
    counts.books.fetch_add(books, Ordering::Relaxed);
    caller.write_u8(HEARD).await
}

/// Tells the service at a port of so many books, and waits until it has heard.
pub(crate) async fn tell(port: u16, books: usize) -> io::Result<()> {
    let mut service = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    service.write_u64(books as u64).await?;
    match service.read_u8().await? {
        HEARD => Ok(()),
        other => Err(io::Error::other(format!(
            "expected {HEARD} from the service, found {other}"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_call_takes_its_time_and_counts() {
        let wait = Duration::from_millis(5);
        let service = Service::start(wait).await.unwrap();
        let began = std::time::Instant::now();
        tell(service.port(), 3).await.unwrap();
        tell(service.port(), 1).await.unwrap();
        assert!(began.elapsed() >= 2 * wait);
        let Told { calls, books } = service.told();
        assert_eq!((calls, books), (2, 4));
    }
}
