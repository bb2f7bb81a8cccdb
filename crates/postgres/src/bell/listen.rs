//! Listening: one connection per process, which hears what other processes commit.

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::{Arc, Weak};
use std::time::Duration;

use protean_core::port::broker::Published;
use tokio_postgres::{AsyncMessage, Client, NoTls};

use super::ring::CHANNEL;
use super::{Bell, News};
use crate::lanes;
use crate::pool::Pools;

/// How often the heads of the queues are looked at, for notifications that were lost with their
/// process: one small query.
const BACKSTOP: Duration = Duration::from_secs(1);

/// How long to wait, at first and at most, before a lost connection is made again.
const RETRY_PAUSE: Duration = Duration::from_millis(50);
const RETRY_PAUSE_MAX: Duration = Duration::from_secs(2);

/// Listens for as long as the bell is there: whoever begins to, begins only once, and an ear may come
/// when there has been none for a moment.
pub(crate) async fn listen(bell: Weak<Bell>, pools: Pools) {
    let mut pause = RETRY_PAUSE;
    let mut heads = Heads::default();
    while bell.strong_count() > 0 {
        match connect(&pools, &bell).await {
            Ok(client) => {
                pause = RETRY_PAUSE;
                // Nobody knows what was missed.
                if let Some(bell) = bell.upgrade() {
                    bell.ring_here(&News::everything());
                }
                watch(&client, &bell, &mut heads).await;
            }
            Err(error) => {
                let why = crate::error::text(&error);
                tracing::warn!(error = %why, "PostgreSQL is away; listening again soon");
            }
        }
        // sleep: a server that is away is not asked without a pause
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(RETRY_PAUSE_MAX);
    }
}

/// A connection that rings the ears of this process whenever another process rings.
async fn connect(pools: &Pools, bell: &Weak<Bell>) -> Result<Client, tokio_postgres::Error> {
    let (client, mut connection) = pools.config().connect(NoTls).await?;
    let bell = bell.clone();
    tokio::spawn(async move {
        while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
            let AsyncMessage::Notification(notification) = message else {
                continue;
            };
            let Some(bell) = bell.upgrade() else { return };
            hear(&bell, notification.payload());
        }
    });
    client.batch_execute(&format!("LISTEN {CHANNEL}")).await?;
    Ok(client)
}

fn hear(bell: &Arc<Bell>, payload: &str) {
    match payload.split_once(' ') {
        Some((process, _)) if process == bell.process() => {}
        Some((process, news)) => {
            let news = News::decode(news);
            if news.handled {
                bell.pace().see_handler(process);
            }
            bell.ring_here(&news);
        }
        None => bell.ring_here(&News::everything()),
    }
}

/// Looks at the heads of the queues until the connection breaks or the bell is gone.
async fn watch(client: &Client, bell: &Weak<Bell>, heads: &mut Heads) {
    loop {
        // sleep: the backstop for what no notification told
        tokio::time::sleep(BACKSTOP).await;
        let Some(bell) = bell.upgrade() else {
            return;
        };
        match heads.look(client).await {
            Ok(news) => bell.ring_here(&news),
            Err(error) => {
                let why = crate::error::text(&error);
                tracing::warn!(error = %why, "the connection to PostgreSQL is lost");
                return;
            }
        }
    }
}

/// Whether anything is anybody's: set aside or leased, and owned by nobody who is known.
const ORPHANS: &str = "SELECT EXISTS (SELECT 1 FROM protean_parked AS p WHERE NOT EXISTS
        (SELECT 1 FROM protean_consumer AS c WHERE c.id = p.owner))
    OR EXISTS (SELECT 1 FROM protean_lease AS l WHERE NOT EXISTS
        (SELECT 1 FROM protean_consumer AS c WHERE c.id = l.owner))";

/// The heads of the queues at the last look.
#[derive(Debug, Default)]
struct Heads {
    known: HashMap<i64, i64>,
}

impl Heads {
    /// The streams whose queues have grown since; everything while something is anybody's.
    async fn look(&mut self, client: &Client) -> Result<News, tokio_postgres::Error> {
        let orphans = client.query_one(ORPHANS, &[]).await?;
        let mut news = News {
            everything: orphans.try_get(0)?,
            ..News::default()
        };
        let sql = "SELECT id, head, stream, lane FROM protean_queue";
        for row in client.query(sql, &[]).await? {
            let (id, head): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
            if self.known.insert(id, head) == Some(head) {
                continue;
            }
            if let Some(lane) = lanes::of(row.try_get(3)?) {
                let stream = row.try_get::<_, &str>(2)?.into();
                news.published.insert(Published::new(stream, lane));
            }
        }
        Ok(news)
    }
}
