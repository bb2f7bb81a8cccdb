//! A collector that is away, or does not answer, is nobody's trouble.

use std::time::{Duration, Instant};

use tokio::net::TcpListener;

use crate::shop::{Server, World, settled, store};

/// So many commands that their spans are several requests.
const COMMANDS: usize = 600;

/// The longest a server takes to stop with nothing to do, on a machine that does other things, too.
const STOP_MAX: Duration = Duration::from_secs(2);

async fn work(endpoint: &str) -> (World, Server) {
    let world = World::sending_to(endpoint);
    let api = world.open("api").await;
    let server = world.server().await;
    let began = Instant::now();
    for nth in 0..COMMANDS {
        api.process(store(&nth.to_string())).await.unwrap();
    }
    settled(&api).await;
    // A request that was waited for would take longer alone.
    let took = began.elapsed();
    assert!(took < Duration::from_secs(60), "it took {took:?}");
    (world, server)
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_collector_away_nothing_fails_or_waits() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let (_world, server) = work(&endpoint).await;
    let took = server.stop().await;
    assert!(took < STOP_MAX, "it took {took:?} to stop");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_never_answers_is_waited_for_no_longer_than_the_end_may_take() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let (_world, server) = work(&endpoint).await;
    let took = server.stop().await;
    // The drain timeout of these servers, and a second for what is left.
    assert!(took < Duration::from_secs(6), "it took {took:?} to stop");
}
