//! Dead-letter streams: copies of what was given up, where other frameworks look for it.
//!
//! The dead letters are in PostgreSQL, and are replayed and purged there; the streams follow.

use protean_core::message::envelope;
use protean_core::{Lane, port};
use protean_postgres::outbox::Unmirrored;
use serde_json::json;

use crate::broker::Inner;
use crate::entry::DATA;

/// Letters that are copied, or copies that are removed, at once.
const BATCH_MAX: usize = 100;

/// Brings the dead-letter streams of a lane up to date.
pub(crate) async fn mirror(inner: &Inner, lane: Lane) -> Result<(), port::Error> {
    let link = &inner.links[lane.index()];
    for letter in inner.outbox.unmirrored(lane, BATCH_MAX).await? {
        let add = redis::cmd("XADD")
            .arg(inner.keys.dead_letters(&letter.stream, lane))
            .arg("*")
            .arg(DATA)
            .arg(copy(inner, lane, &letter))
            .to_owned();
        let entry: String = link.ask("copying a dead letter", &add).await?;
        inner.outbox.mirrored(lane, letter.id, &entry).await?;
    }
    for gone in inner.outbox.gone(lane, BATCH_MAX).await? {
        let delete = redis::cmd("XDEL")
            .arg(inner.keys.dead_letters(&gone.stream, lane))
            .arg(&gone.mirror)
            .to_owned();
        link.ask::<u64>("removing a copy", &delete).await?;
        inner.outbox.removed(lane, &gone).await?;
    }
    Ok(())
}

/// The envelope of a dead letter, with what became of it beside it.
fn copy(inner: &Inner, lane: Lane, letter: &Unmirrored) -> String {
    let fate = json!({
        "letter": letter.id,
        "original_stream": inner.keys.stream(&letter.stream, lane),
        "original_id": letter.logged.message.id,
        "consumer_group": letter.subscription,
        "consumer": letter.subscription,
        "failed_at": letter.failed_last.to_string(),
        "retry_count": letter.attempts,
        "error": letter.error,
    });
    let envelope = envelope::encode(&letter.logged.message);
    let open = envelope.strip_suffix('}').unwrap_or(&envelope);
    format!("{open},\"_dlq_metadata\":{fate}}}")
}
