//! A cable between a client and a server that can be cut.
//!
//! A test of what a client does when the network fails needs a network that fails when it is told
//! to, and a server that does not notice. The proxy runs on a thread of its own, so that it goes on
//! while a test blocks.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Mutex, PoisonError, mpsc as answers};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::net::sockopt::set_socket_linger;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// How many connections pass at once. One more is reset: a test with more is one that leaks them.
const MAX_CONNECTIONS: usize = 512;

/// How long the target may take to take a connection; on one machine there is nothing to wait for.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// How long the proxy may take to do as it is told, which it does between two packets.
const ORDER_LIMIT: Duration = Duration::from_secs(10);

/// How long nobody is let in after the operating system could not, which is for want of files.
const REST: Duration = Duration::from_millis(50);

/// A TCP proxy in front of an address, on a port of 127.0.0.1.
///
/// It passes up to 512 connections at once and resets any more. It ends when this is dropped, and
/// its connections with it. Its methods block the thread for as long as it takes the proxy to do as
/// it is told, which is next to nothing.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    line: Mutex<Line>,
    thread: Option<JoinHandle<()>>,
}

/// How the proxy is told something: one order at a time, and then its answer.
#[derive(Debug)]
struct Line {
    orders: Option<mpsc::Sender<Order>>,
    done: answers::Receiver<()>,
}

/// What the proxy can be told.
#[derive(Debug, Clone, Copy)]
enum Order {
    Cut,
    Refuse,
    Accept,
}

impl Proxy {
    /// Starts a proxy in front of an address, which may be one where nobody listens yet.
    ///
    /// # Errors
    /// When the operating system has no port or no thread left.
    pub fn start(target: SocketAddr) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let listener = {
            let _context = runtime.enter();
            TcpListener::from_std(listener)?
        };
        let (orders, ordered) = mpsc::channel(1);
        let (finished, done) = answers::sync_channel(1);
        let relay = Relay {
            target,
            connections: JoinSet::new(),
            finished,
        };
        let thread = std::thread::Builder::new()
            .name("proxy".to_owned())
            .spawn(move || run(&runtime, relay, &listener, ordered))?;
        Ok(Self {
            address,
            line: Mutex::new(Line {
                orders: Some(orders),
                done,
            }),
            thread: Some(thread),
        })
    }

    /// Where clients connect to.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Resets all connections, towards the client and towards the target. New ones pass.
    ///
    /// # Errors
    /// When the proxy does not do so.
    pub fn cut(&self) -> io::Result<()> {
        self.tell(Order::Cut)
    }

    /// Resets all connections, and all new ones, until [`accept`](Self::accept).
    ///
    /// # Errors
    /// When the proxy does not do so.
    pub fn refuse(&self) -> io::Result<()> {
        self.tell(Order::Refuse)
    }

    /// Lets new connections pass again.
    ///
    /// # Errors
    /// When the proxy does not do so.
    pub fn accept(&self) -> io::Result<()> {
        self.tell(Order::Accept)
    }

    /// Tells the proxy something and waits until it is done.
    fn tell(&self, order: Order) -> io::Result<()> {
        let line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        let told = line
            .orders
            .as_ref()
            .is_some_and(|orders| orders.try_send(order).is_ok());
        if told && line.done.recv_timeout(ORDER_LIMIT).is_ok() {
            return Ok(());
        }
        let why = format!("expected the proxy to obey {order:?} within {ORDER_LIMIT:?}");
        Err(io::Error::new(io::ErrorKind::TimedOut, why))
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let line = self.line.get_mut().unwrap_or_else(PoisonError::into_inner);
        line.orders = None;
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

/// A URI with the address of a proxy in place of its own host and port.
///
/// A text without a host comes back as it is.
#[must_use]
pub fn rewrite(uri: &str, address: SocketAddr) -> String {
    let Some((scheme, rest)) = uri.split_once("://") else {
        return uri.to_owned();
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let login = authority.rfind('@').map_or("", |at| &authority[..=at]);
    format!("{scheme}://{login}{address}{path}")
}

/// What passes through the proxy.
#[derive(Debug)]
struct Relay {
    target: SocketAddr,
    connections: JoinSet<()>,
    finished: answers::SyncSender<()>,
}

/// The thread of a proxy, until nobody can tell it anything any more.
fn run(
    runtime: &Runtime,
    mut relay: Relay,
    listener: &TcpListener,
    mut orders: mpsc::Receiver<Order>,
) {
    runtime.block_on(async {
        let mut open = true;
        loop {
            tokio::select! {
                biased;
                order = orders.recv() => match order {
                    Some(order) => open = relay.obey(order, open).await,
                    None => break,
                },
                Some(_) = relay.connections.join_next() => {}
                client = listener.accept() => match client {
                    Ok((client, _)) => relay.take(client, open),
                    // sleep: the operating system does not say when it can let somebody in again
                    Err(_) => tokio::time::sleep(REST).await,
                },
            }
        }
        relay.connections.shutdown().await;
    });
}

impl Relay {
    /// Does as it is told; whether new connections pass from now on.
    async fn obey(&mut self, order: Order, open: bool) -> bool {
        let open = match order {
            Order::Cut => open,
            Order::Refuse => false,
            Order::Accept => true,
        };
        if !matches!(order, Order::Accept) {
            self.connections.shutdown().await;
        }
        // There is room: whoever gave the order takes the answer before the next one.
        self.finished.try_send(()).ok();
        open
    }

    /// Lets a connection pass, or resets it, as it is once it is dropped without lingering. What is
    /// sent goes out at once: the proxy must not make a connection slow.
    fn take(&mut self, client: TcpStream, open: bool) {
        let set = client
            .set_zero_linger()
            .and_then(|()| client.set_nodelay(true));
        if set.is_ok() && open && self.connections.len() < MAX_CONNECTIONS {
            self.connections.spawn(pass(client, self.target));
        }
    }
}

/// Passes everything between a client and the target, until both have said all they had to say or
/// one of them is gone.
async fn pass(mut client: TcpStream, target: SocketAddr) {
    let connected = tokio::time::timeout(CONNECT_LIMIT, connect(target));
    let Ok(Ok(mut server)) = connected.await else {
        return;
    };
    let copied = tokio::io::copy_bidirectional(&mut client, &mut server);
    if copied.await.is_ok() {
        end_properly(&client);
        end_properly(&server);
    }
}

/// A connection to the target that ends abruptly, also when it is dropped half made.
async fn connect(target: SocketAddr) -> io::Result<TcpStream> {
    let socket = match target {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_zero_linger()?;
    socket.set_nodelay(true)?;
    socket.connect(target).await
}

/// Has what is under way delivered when a connection is dropped, instead of a reset.
fn end_properly(stream: &TcpStream) {
    set_socket_linger(stream, None).ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_gets_the_address_and_keeps_the_rest() {
        let address = SocketAddr::from(([127, 0, 0, 1], 7));
        for (uri, expected) in [
            ("redis://127.0.0.1:6379/0", "redis://127.0.0.1:7/0"),
            (
                "rediss://a:b%40c@host/0?d=e@f",
                "rediss://a:b%40c@127.0.0.1:7/0?d=e@f",
            ),
            (
                "postgresql://postgres@host",
                "postgresql://postgres@127.0.0.1:7",
            ),
            ("nothing", "nothing"),
        ] {
            assert_eq!(rewrite(uri, address), expected);
        }
    }
}
