//! A cable that is cut, and mended.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use protean_services::{Proxy, rewrite};

/// Far longer than anything on one machine takes.
const LIMIT: Duration = Duration::from_secs(20);

/// Somebody to connect to, who does nothing by himself.
fn target() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// Both ends of a connection through the proxy.
fn connection(proxy: &Proxy, target: &TcpListener) -> (TcpStream, TcpStream) {
    let client = TcpStream::connect(proxy.address()).unwrap();
    let (server, _) = target.accept().unwrap();
    for end in [&client, &server] {
        end.set_read_timeout(Some(LIMIT)).unwrap();
    }
    (client, server)
}

/// Whether what one end says gets to the other, and back.
fn passes(one: &mut TcpStream, other: &mut TcpStream) -> bool {
    let mut heard = [0; 2];
    one.write_all(b"hi").is_ok()
        && other.read_exact(&mut heard).is_ok()
        && other.write_all(&heard).is_ok()
        && one.read_exact(&mut heard).is_ok()
        && heard == *b"hi"
}

fn is_reset(end: &mut TcpStream) -> bool {
    let read = end.read(&mut [0; 1]);
    read.is_err_and(|error| error.kind() == ErrorKind::ConnectionReset)
}

#[test]
fn everything_passes_until_both_have_said_all() {
    let (listener, address) = target();
    let proxy = Proxy::start(address).unwrap();
    let (mut client, mut server) = connection(&proxy, &listener);
    assert!(passes(&mut client, &mut server));

    let long = vec![7; 5_000_000];
    let sent = long.clone();
    let writer = std::thread::spawn(move || {
        client.write_all(&sent).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).unwrap();
        answer
    });
    let mut heard = Vec::new();
    server.read_to_end(&mut heard).unwrap();
    assert_eq!(heard, long);
    server.write_all(&heard).unwrap();
    drop(server);
    assert_eq!(writer.join().unwrap(), long);
}

#[test]
fn a_cut_resets_both_ends_and_new_connections_pass() {
    let (listener, address) = target();
    let proxy = Proxy::start(address).unwrap();
    let mut old = [(); 3].map(|()| connection(&proxy, &listener));
    for (client, server) in &mut old {
        assert!(passes(client, server));
    }
    proxy.cut().unwrap();
    for (client, server) in &mut old {
        assert!(is_reset(client));
        assert!(is_reset(server));
    }
    let (mut client, mut server) = connection(&proxy, &listener);
    assert!(passes(&mut client, &mut server));
}

#[test]
fn a_cut_ends_a_connection_whose_reader_is_stuck() {
    let (listener, address) = target();
    let proxy = Proxy::start(address).unwrap();
    let (mut client, _server) = connection(&proxy, &listener);
    let writer = std::thread::spawn(move || {
        let block = vec![0; 1_000_000];
        while client.write_all(&block).is_ok() {}
    });
    // sleep: that a buffer is full has no signal; without it the test passes all the same
    std::thread::sleep(Duration::from_millis(100));
    proxy.cut().unwrap();
    writer.join().unwrap();
}

#[test]
fn nobody_is_let_in_until_the_proxy_accepts_again() {
    let (listener, address) = target();
    let proxy = Proxy::start(address).unwrap();
    let (mut client, mut server) = connection(&proxy, &listener);
    proxy.refuse().unwrap();
    assert!(is_reset(&mut client));
    assert!(is_reset(&mut server));
    for _ in 0..3 {
        let refused = TcpStream::connect(proxy.address());
        assert!(!refused.is_ok_and(|mut client| !is_reset(&mut client)));
    }
    proxy.accept().unwrap();
    let (mut client, mut server) = connection(&proxy, &listener);
    assert!(passes(&mut client, &mut server));
}

#[test]
fn a_dropped_proxy_is_gone() {
    let (listener, address) = target();
    let proxy = Proxy::start(address).unwrap();
    let (mut client, mut server) = connection(&proxy, &listener);
    assert!(passes(&mut client, &mut server));
    let gone = proxy.address();
    drop(proxy);
    assert!(is_reset(&mut client));
    assert!(is_reset(&mut server));
    assert!(TcpStream::connect(gone).is_err());
}

#[test]
fn a_target_that_is_not_there_is_a_reset() {
    let (listener, address) = target();
    let proxy = Proxy::start(address).unwrap();
    drop(listener);
    let mut client = TcpStream::connect(proxy.address()).unwrap();
    assert!(is_reset(&mut client));
}

#[test]
fn a_client_gets_to_a_server_through_its_uri() {
    let redis = protean_services::Redis::start(Default::default()).unwrap();
    let address = redis.uri().replace("redis://", "").replace("/0", "");
    let proxy = Proxy::start(address.parse().unwrap()).unwrap();
    let through = rewrite(&redis.uri(), proxy.address());
    let ping = || {
        std::process::Command::new("redis-cli")
            .args(["-u", &through, "PING"])
            .output()
            .unwrap()
            .stdout
    };
    assert_eq!(ping(), b"PONG\n");
    proxy.refuse().unwrap();
    assert_ne!(ping(), b"PONG\n");
    proxy.accept().unwrap();
    assert_eq!(ping(), b"PONG\n");
}
