//! Many rows at once: one thread reads, several work, and what they made comes out in the order of
//! the file.
//!
//! Chunks go round the workers, so that the order needs no memory of its own.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, ScopedJoinHandle};

use protean_core::domain::Intake;

use crate::error::Error;
use crate::mapping::Mapping;
use crate::read::{Original, Read, Source};
use crate::validate::{Checked, Validator};

/// Rows that go from thread to thread together: enough that the handing over costs nothing, few
/// enough that all workers have some.
pub const CHUNK_ROWS: usize = 512;

/// A chunk of long rows ends here, or with the row that goes beyond.
pub const CHUNK_BYTES: usize = 256 * 1024;

/// Chunks that wait before and behind each worker: one, so that nobody waits for the other.
const CHUNKS_WAITING: usize = 1;

/// Checks all rows that are left in a file, and gives them to `sink` in chunks, in the order of the
/// file, until it breaks off. Calls `sink` on this thread, and returns when all threads have ended.
///
/// At most five chunks for each worker are in memory.
///
/// # Errors
/// What ended the reading; the rows before it have been given to `sink`.
pub fn check_in_order(
    source: &mut Source,
    mapping: &Mapping,
    intake: &Intake,
    workers: NonZeroUsize,
    sink: impl FnMut(Vec<Checked>) -> ControlFlow<()>,
) -> Result<(), Error> {
    let worker = || {
        let mut validator = Validator::new(mapping, intake);
        move |chunk: Vec<Read>| -> Vec<Checked> {
            chunk
                .into_iter()
                .map(|read| validator.check(read))
                .collect()
        }
    };
    run(source, workers, worker, sink)
}

/// The same for any work on chunks; `worker` makes what each thread works with.
pub(crate) fn run<T: Send, W: FnMut(Vec<Read>) -> T + Send>(
    source: &mut Source,
    workers: NonZeroUsize,
    worker: impl Fn() -> W,
    mut sink: impl FnMut(T) -> ControlFlow<()>,
) -> Result<(), Error> {
    thread::scope(|scope| {
        let mut threads = Vec::new();
        let (mut inlets, mut outlets) = (Vec::new(), Vec::new());
        for _ in 0..workers.get() {
            let (inlet, chunks) = sync_channel(CHUNKS_WAITING);
            let (made, outlet) = sync_channel(CHUNKS_WAITING);
            let work = worker();
            threads.push(scope.spawn(move || serve(&chunks, &made, work)));
            inlets.push(inlet);
            outlets.push(outlet);
        }
        let reader = scope.spawn(move || read(source, &inlets));
        for outlet in outlets.iter().cycle() {
            let Ok(made) = outlet.recv() else { break };
            if sink(made).is_break() {
                break;
            }
        }
        // Whoever still works ends when nobody takes what it makes.
        drop(outlets);
        let read = join(reader);
        for thread in threads {
            join(thread)?;
        }
        read?
    })
}

fn join<T>(thread: ScopedJoinHandle<'_, T>) -> Result<T, Error> {
    thread.join().map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let why = text.or_else(|| panic.downcast_ref::<&str>().copied());
        Error::Thread {
            why: why.unwrap_or("it panicked").to_owned(),
        }
    })
}

fn serve<T>(
    chunks: &Receiver<Vec<Read>>,
    made: &SyncSender<T>,
    mut work: impl FnMut(Vec<Read>) -> T,
) {
    for chunk in chunks {
        if made.send(work(chunk)).is_err() {
            return;
        }
    }
}

fn read(source: &mut Source, inlets: &[SyncSender<Vec<Read>>]) -> Result<(), Error> {
    for inlet in inlets.iter().cycle() {
        let (chunk, end) = chunk(source);
        if !chunk.is_empty() && inlet.send(chunk).is_err() {
            return Ok(());
        }
        if let Some(end) = end {
            return end;
        }
    }
    Ok(())
}

/// The next rows, and how the file ended if it did.
fn chunk(source: &mut Source) -> (Vec<Read>, Option<Result<(), Error>>) {
    let mut chunk = Vec::with_capacity(CHUNK_ROWS);
    let mut bytes = 0;
    while chunk.len() < CHUNK_ROWS && bytes < CHUNK_BYTES {
        match source.next() {
            Some(Ok(read)) => {
                bytes += size_bytes(&read);
                chunk.push(read);
            }
            Some(Err(error)) => return (chunk, Some(Err(error))),
            None => return (chunk, Some(Ok(()))),
        }
    }
    (chunk, None)
}

fn size_bytes(read: &Read) -> usize {
    match read {
        Ok(row) => row.content.size_bytes(),
        Err(reject) => match &reject.original {
            Original::Fields(fields) => {
                let fields = fields.iter().map(|one| one.as_ref().map_or(0, Vec::len));
                fields
                    .map(|bytes| bytes + size_of::<Option<Vec<u8>>>())
                    .sum()
            }
            Original::Line(line) => line.len(),
        },
    }
}
