//! Whoever is told how an import goes: the file of rejects, and the screen.

use std::path::PathBuf;

use protean_core::app::import::{Cause, Observer, Record, Rejection};
use protean_core::domain::WHOLE;
use protean_core::port::imports::{Progress, State};
use protean_core::schema::Invalid;
use protean_import::{Layout, Mark, Problem, Reject, Rejects};
use tokio::sync::{oneshot, watch};

use super::feed::Origin;
use super::screen::Screen;

/// Whoever is told.
pub(super) struct Watcher {
    pub(super) screen: Screen,
    /// Where rejects go, and how the file is laid out.
    pub(super) path: Option<PathBuf>,
    pub(super) layout: Layout,
    /// Who waits to be told after how many rows the file is to be read.
    pub(super) after: Option<oneshot::Sender<u64>>,
    /// Who is told how far it is.
    pub(super) progress: watch::Sender<Progress>,
    file: Option<Rejects>,
    bytes: u64,
    is_written: bool,
}

impl Watcher {
    pub(super) fn new(
        (screen, progress): (Screen, watch::Sender<Progress>),
        (path, layout): (Option<PathBuf>, Layout),
        after: oneshot::Sender<u64>,
    ) -> Self {
        Self {
            screen,
            path,
            layout,
            after: Some(after),
            progress,
            file: None,
            bytes: 0,
            is_written: true,
        }
    }

    fn open(&mut self, import: &Record) -> Result<(), Cause> {
        let Some(path) = &self.path else {
            return Ok(());
        };
        let Progress {
            rejected,
            rejects_bytes: bytes,
            ..
        } = import.progress;
        let mark = Mark {
            bytes,
            rows: rejected,
        };
        self.file = Some(match bytes {
            0 => Rejects::create(path, &self.layout)?,
            _ => Rejects::reopen(path, &self.layout, mark)?,
        });
        self.is_written = false;
        Ok(())
    }
}

impl Observer<Origin> for Watcher {
    fn begins(&mut self, import: &Record) -> Result<(), Cause> {
        self.bytes = import.progress.rejects_bytes;
        if import.state != State::Finished {
            self.open(import)?;
        }
        self.screen.begins(import);
        self.progress.send_replace(import.progress);
        if let Some(after) = self.after.take() {
            // A reader that has ended is heard of by what it gave.
            let _ = after.send(import.progress.rows);
        }
        Ok(())
    }

    fn rejected(&mut self, rejection: Rejection<Origin>) -> Result<(), Cause> {
        let reject = match rejection.origin {
            Origin::Reject(reject) => reject,
            Origin::Row(row) => Reject::of(row, problems(&rejection.why)),
        };
        match &mut self.file {
            Some(file) => file.write(&reject)?,
            None => self.screen.rejected(reject.line, &reject.reason()),
        }
        self.is_written = false;
        Ok(())
    }

    fn written(&mut self) -> Result<u64, Cause> {
        if let Some(file) = &mut self.file
            && !self.is_written
        {
            self.bytes = file.sync()?.bytes;
            self.is_written = true;
        }
        Ok(self.bytes)
    }

    fn advanced(&mut self, progress: &Progress) {
        self.progress.send_replace(*progress);
        self.screen.advanced(progress);
    }

    fn asked(&mut self, state: State) {
        self.screen.asked(state);
    }
}

/// What a row breaks, as the file of rejects has it.
fn problems(why: &Invalid) -> Vec<Problem> {
    let fields = why.fields().iter();
    let all = fields.flat_map(|(field, messages)| {
        messages.iter().map(move |message| Problem {
            field: (field != WHOLE).then(|| field.clone()),
            message: message.clone(),
        })
    });
    all.collect()
}
