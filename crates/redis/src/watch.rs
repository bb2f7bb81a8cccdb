//! Waiting for entries: a connection for each lane of each stream, which blocks until there is one.
//!
//! It reads as nobody's consumer and throws away what it reads: it only says that there is something
//! to fetch. A reader that blocked as a consumer would take messages that nobody has room for.

use std::sync::Weak;
use std::time::Duration;

use protean_core::Lane;
use protean_core::port::broker::Published;
use redis::{RedisResult, Value};

use crate::broker::Inner;
use crate::entry::{of_list, of_streams};
use crate::link::Link;

/// How long a read blocks. Whenever it ends subscriptions look all the same, so that they notice
/// when Redis has lost its data.
const BLOCK: Duration = Duration::from_secs(1);

/// The least time between two wakes: whoever fetches takes all there is.
const QUIET: [Duration; 2] = [Duration::from_micros(500), Duration::from_millis(10)];

/// How long to wait, at first and at most, before a lost connection is made again.
const RETRY_PAUSE: Duration = Duration::from_millis(50);
const RETRY_PAUSE_MAX: Duration = Duration::from_secs(1);

/// Watches a lane of a stream for as long as the broker is there.
pub(crate) async fn watch(broker: Weak<Inner>, published: Published) {
    let mut pause = RETRY_PAUSE;
    while let Some(inner) = broker.upgrade() {
        let key = inner.keys.stream(&published.stream, published.lane);
        let connected = inner.server.connect(BLOCK).await;
        drop(inner);
        let error = match connected {
            Ok(mut link) => {
                pause = RETRY_PAUSE;
                match read(&mut link, &key, &broker, &published).await {
                    Ok(()) => return,
                    Err(error) => error,
                }
            }
            Err(error) => error,
        };
        tracing::warn!(%error, stream = %key, "Redis is away; watching again soon");
        // sleep: a server that is away is not asked without a pause
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(RETRY_PAUSE_MAX);
    }
}

async fn read(
    link: &mut Link,
    key: &str,
    broker: &Weak<Inner>,
    published: &Published,
) -> RedisResult<()> {
    let mut last = newest(link, key).await?;
    let block_ms = u64::try_from(BLOCK.as_millis()).unwrap_or(u64::MAX);
    while hear(broker, published) {
        // sleep: what comes meanwhile is fetched in the same breath
        tokio::time::sleep(QUIET[published.lane.index()]).await;
        // Whoever waits for an entry hears of it before this is asked. Redis that came back without
        // its data counts from the beginning.
        let latest = newest(link, key).await?;
        if latest != last {
            last = latest;
            hear(broker, published);
        }
        let mut read = redis::cmd("XREAD");
        read.arg("COUNT").arg(1).arg("BLOCK").arg(block_ms);
        read.arg("STREAMS").arg(key).arg(&last);
        if let Some(entry) = of_streams(read.query_async(link).await?).pop() {
            last = entry.id;
        }
    }
    Ok(())
}

/// Tells the subscriptions; `false` when the broker is gone.
fn hear(broker: &Weak<Inner>, published: &Published) -> bool {
    let inner = broker.upgrade();
    inner.inspect(|inner| inner.hear_of(published)).is_some()
}

/// The id of the newest entry.
async fn newest(link: &mut Link, key: &str) -> RedisResult<String> {
    let found: Value = redis::cmd("XREVRANGE")
        .arg(key)
        .arg("+")
        .arg("-")
        .arg("COUNT")
        .arg(1)
        .query_async(link)
        .await?;
    let newest = of_list(found).pop();
    Ok(newest.map_or_else(|| "0".to_owned(), |entry| entry.id))
}

/// The two lanes of a stream.
pub(crate) fn lanes(stream: &std::sync::Arc<str>) -> [Published; 2] {
    Lane::ALL.map(|lane| Published::new(stream.clone(), lane))
}
