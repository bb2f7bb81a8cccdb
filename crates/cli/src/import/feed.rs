//! The rows of a file as a stream: threads read and check them, a few chunks ahead of whoever
//! submits.

use std::ops::ControlFlow;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::vec;

use futures_core::Stream;
use protean_core::App;
use protean_core::app::import::Row;
use protean_core::domain::{Domain, Prepared};
use protean_core::schema::Invalid;
use protean_import::{Checked, Error, Mapping, Reject, Source, check_in_order};
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use super::arguments::Arguments;
use super::stop::Stop;

/// Chunks that wait for whoever submits them: one is taken while the next is made.
const CHUNKS_WAITING: usize = 1;

/// What a row was made of: the row, or what it is as a reject.
#[derive(Debug)]
pub(super) enum Origin {
    Row(protean_import::Row),
    Reject(Reject),
}

/// Why there are no more rows before the end.
#[derive(Debug, thiserror::Error)]
pub(super) enum End {
    #[error(transparent)]
    File(#[from] Error),
    #[error("somebody asked to stop")]
    Interrupted,
}

/// The rows of a file.
pub(super) struct Feed {
    stop: Pin<Box<dyn Future<Output = ()> + Send>>,
    chunks: mpsc::Receiver<Result<Vec<Checked>, Error>>,
    chunk: vec::IntoIter<Checked>,
    key: Option<String>,
}

/// What is read.
pub(super) struct File<D> {
    pub(super) app: App<D>,
    pub(super) command: String,
    pub(super) source: Source,
    pub(super) mapping: Mapping,
}

impl Feed {
    /// Starts to read as soon as it is said after how many rows; has no more of them once somebody
    /// asks to stop.
    pub(super) fn start<D: Domain>(
        file: File<D>,
        key: Option<String>,
        (after, stop): (oneshot::Receiver<u64>, Stop),
    ) -> Self {
        let (sender, chunks) = mpsc::channel(CHUNKS_WAITING);
        tokio::task::spawn_blocking(move || {
            let Ok(after) = after.blocking_recv() else {
                return;
            };
            if let Err(error) = file.read(after, &sender) {
                // Nobody is left to tell when this fails.
                let _ = sender.blocking_send(Err(error));
            }
        });
        Self {
            stop: Box::pin(stop.requested()),
            chunks,
            chunk: Vec::new().into_iter(),
            key,
        }
    }

    fn row(&self, checked: Checked) -> Row<Prepared, Origin> {
        let (row, prepared) = match checked {
            Ok(good) => good,
            Err(reject) => {
                let row = Row::rejected(Invalid::default()).line(reject.line);
                return row.origin(Origin::Reject(reject));
            }
        };
        let key = self.key.as_ref().and_then(|key| key_of(key, &prepared));
        let mut command = Row::new(prepared).line(row.line);
        if let Some(key) = key {
            command = command.key(key);
        }
        command.origin(Origin::Row(row))
    }
}

/// What tells a command from others: the value of a field, unless it is empty.
fn key_of(field: &str, command: &Prepared) -> Option<String> {
    let data: Value = serde_json::from_str(command.data()).ok()?;
    let value = match data.get(field)? {
        Value::Null => return None,
        Value::String(text) if text.is_empty() => return None,
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    Some(format!("{field}={value}"))
}

impl<D: Domain> File<D> {
    fn read(
        mut self,
        after: u64,
        sender: &mpsc::Sender<Result<Vec<Checked>, Error>>,
    ) -> Result<(), Error> {
        let Some(intake) = self.app.registry().command_named(&self.command) else {
            return Ok(());
        };
        self.source.skip_rows(after)?;
        let workers = Arguments::workers();
        check_in_order(
            &mut self.source,
            &self.mapping,
            intake,
            workers,
            |chunk| match sender.blocking_send(Ok(chunk)) {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            },
        )
    }
}

impl Stream for Feed {
    type Item = Result<Row<Prepared, Origin>, End>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.stop.as_mut().poll(context).is_ready() {
            return Poll::Ready(Some(Err(End::Interrupted)));
        }
        loop {
            if let Some(checked) = self.chunk.next() {
                return Poll::Ready(Some(Ok(self.row(checked))));
            }
            match self.chunks.poll_recv(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error.into()))),
                Poll::Ready(Some(Ok(chunk))) => self.chunk = chunk.into_iter(),
            }
        }
    }
}
