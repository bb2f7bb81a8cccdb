//! The run itself: a chunk is read while the one before it is written, and never two are written at
//! once, so that rows about one thing stay in their order (L8).

use std::time::Duration;

use futures_core::Stream;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use uuid::Uuid;

use super::Start;
use super::job::{hold, same};
use super::pace::Pace;
use super::row::{RowOf, next};
use super::watch::check_name;
use super::{Cause, Error, Import, Importable, IntoRow, Observer, Outcome, Rejection, RejectsMax};
use crate::Lane;
use crate::app;
use crate::app::headroom::{self, Headroom};
use crate::app::{App, Receipt, Submission};
use crate::domain::{Domain, WHOLE};
use crate::port::imports::{self, Import as Record, Plan, Progress, State};
use crate::schema::Invalid;

/// How often the position is written down and what operators ask is looked at: twice within the
/// second in which they may expect it, and seldom enough to cost nothing.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);

/// A row on its way.
struct Pending<O> {
    row: u64,
    line: u64,
    id: Uuid,
    origin: O,
    /// Why it is no command.
    why: Option<Invalid>,
}

/// Rows, with the commands of those that are some.
struct Chunk<C, O> {
    rows: Vec<Pending<O>>,
    commands: Vec<Submission<C>>,
    is_last: bool,
}

/// What became of rows; nothing of those that are no commands.
type Answers<O> = Vec<(Pending<O>, Option<Result<Receipt, app::Error>>)>;

impl<D, S, B, O> Import<'_, D, S, B>
where
    D: Domain,
    S: Stream<Item: IntoRow<Command: Importable<D>, Origin = O>> + Unpin,
    O: Send + 'static,
    B: Observer<O>,
{
    /// Runs it: to its end, or until an operator cancels it. While one pauses it, it waits.
    ///
    /// # Errors
    /// When it cannot begin, when its rows end before their end, when the store takes no more, or
    /// when too many rows are rejected. What is accepted stays so, and it goes on there when it is
    /// run again.
    ///
    /// # Cancel safety
    /// Dropping the future is a death like any other: running again goes on where it was.
    pub async fn run(self) -> Result<Outcome, Error> {
        let Self {
            app,
            mut source,
            plan,
            rate,
            rejects_max,
            start,
            mut observer,
        } = self;
        check_name(&plan.name)?;
        let imports = &app.tier().imports;
        let _hold = hold(&**imports, &plan.name).await?;
        let id = Uuid::now_v7();
        let record = imports.start(&plan, id).await?;
        same(&plan, &record)?;
        observer.begins(&record).map_err(Error::Observer)?;
        let mut runner = Runner {
            app,
            id,
            plan,
            started: record.started,
            before: record.progress,
            progress: record.progress,
            again: 0,
            read: match start {
                Start::FirstRow => 0,
                Start::NextRow => record.progress.rows,
            },
            pace: Pace::new(rate),
            headroom: Headroom::of(app),
            rejects_max,
            observer,
            in_flight: None,
            looked: Instant::now(),
        };
        let state = match record.state {
            State::Finished => State::Finished,
            _ => runner.work(&mut source).await?,
        };
        Ok(Outcome {
            state,
            before: runner.before,
            progress: runner.progress,
            again: runner.again,
        })
    }
}

/// An import that runs.
struct Runner<'a, D, O, B> {
    app: &'a App<D>,
    id: Uuid,
    plan: Plan,
    started: Timestamp,
    before: Progress,
    progress: Progress,
    again: u64,
    /// Rows that were read.
    read: u64,
    pace: Pace,
    headroom: Headroom,
    rejects_max: Option<RejectsMax>,
    observer: B,
    in_flight: Option<JoinHandle<Answers<O>>>,
    looked: Instant,
}

impl<D: Domain, O: Send + 'static, B: Observer<O>> Runner<'_, D, O, B> {
    /// Works, and writes down how far it came, whatever ends it.
    async fn work<S>(&mut self, source: &mut S) -> Result<State, Error>
    where
        S: Stream<Item: IntoRow<Command: Importable<D>, Origin = O>> + Unpin,
    {
        let result = self.work_through(source).await;
        if let Err(Error::Stopped { .. } | Error::Source(_) | Error::TooManyRejected { .. }) =
            &result
        {
            // The store may be away; then the next run submits a little more again.
            let _ = self.write_down().await;
        }
        result
    }

    async fn work_through<S>(&mut self, source: &mut S) -> Result<State, Error>
    where
        S: Stream<Item: IntoRow<Command: Importable<D>, Origin = O>> + Unpin,
    {
        if let Some(state) = self.look().await? {
            return Ok(state);
        }
        while self.read < self.progress.rows {
            let Some(row) = next(source).await else { break };
            row?;
            self.read += 1;
        }
        loop {
            let (chunk, broken) = self.read_chunk(source).await;
            let is_last = chunk.is_last || broken.is_some();
            if let Some(state) = self.make_way(&chunk).await? {
                return Ok(state);
            }
            self.pace.go(chunk.rows.len());
            // Each command begins a trace of its own when it is handled, if it is sampled.
            let app = self.app.without_tracer();
            self.in_flight = Some(tokio::spawn(submit(app, chunk)));
            if is_last {
                self.settle().await?;
                return match broken {
                    Some(error) => Err(error),
                    None => self.finish().await,
                };
            }
            if let Some(state) = self.look_if_due().await? {
                return Ok(state);
            }
        }
    }

    /// Waits until a chunk may go: the rate allows it, the one before it is written, and not too
    /// much waits to be handled. The state in which the import ends here, if it does.
    async fn make_way<C: Importable<D>>(
        &mut self,
        chunk: &Chunk<C, O>,
    ) -> Result<Option<State>, Error> {
        while let Some(rest) = self.pace.rest() {
            // sleep: the rate asked for is kept
            tokio::time::sleep(rest.min(LOOK_INTERVAL)).await;
            if let Some(state) = self.look_if_due().await? {
                return Ok(Some(state));
            }
        }
        self.settle().await?;
        let backfill = self.concern(&chunk.commands);
        while !self.headroom.admit(self.app, backfill).await {
            // sleep: between two looks at what waits, since nobody tells when it is handled
            tokio::time::sleep(headroom::LOOK_INTERVAL).await;
            if let Some(state) = self.look_if_due().await? {
                return Ok(Some(state));
            }
        }
        Ok(None)
    }

    /// How many of these commands wait while too much waits to be handled.
    fn concern<C: Importable<D>>(&mut self, commands: &[Submission<C>]) -> usize {
        let lane = self.app.names().routing().lane(self.plan.priority);
        if lane == Lane::Primary || !self.headroom.is_limited() {
            return 0;
        }
        for one in commands {
            self.headroom.concern(one.command.stream());
        }
        commands.len()
    }

    /// The next rows; fewer when the source takes its time, and an error that comes after them.
    async fn read_chunk<S, C>(&mut self, source: &mut S) -> (Chunk<C, O>, Option<Error>)
    where
        S: Stream<Item: IntoRow<Command = C, Origin = O>> + Unpin,
    {
        let deadline = Instant::now() + LOOK_INTERVAL;
        let rows_max = self.headroom.chunk_max(self.pace.chunk_rows());
        let mut chunk = Chunk {
            rows: Vec::with_capacity(rows_max),
            commands: Vec::with_capacity(rows_max),
            is_last: false,
        };
        while chunk.rows.len() < rows_max {
            match tokio::time::timeout_at(deadline, next(source)).await {
                Err(_) => break,
                Ok(None) => {
                    chunk.is_last = true;
                    break;
                }
                Ok(Some(Err(error))) => return (chunk, Some(error)),
                Ok(Some(Ok(row))) => self.take::<S>(row, &mut chunk),
            }
        }
        (chunk, None)
    }

    fn take<S>(&mut self, row: RowOf<S>, chunk: &mut Chunk<<S::Item as IntoRow>::Command, O>)
    where
        S: Stream<Item: IntoRow<Origin = O>>,
    {
        self.read += 1;
        let number = self.read;
        let line = row.line.unwrap_or(number);
        let id = self.message_id(number);
        let why = match row.content {
            Err(why) => Some(why),
            Ok(command) => {
                let name = &self.plan.name;
                let key = row.key.unwrap_or_else(|| format!("import:{name}:{number}"));
                let submission = Submission::new(command)
                    .identified(id)
                    .idempotency_key(key)
                    .correlation_id(imports::correlation_id(name, number, line))
                    .priority(self.plan.priority);
                chunk.commands.push(submission);
                None
            }
        };
        chunk.rows.push(Pending {
            row: number,
            line,
            id,
            origin: row.origin,
            why,
        });
    }

    /// The id of the message that a row becomes, the same in every run.
    fn message_id(&self, row: u64) -> Uuid {
        let mut digest = Sha256::new();
        digest.update(self.plan.name.as_bytes());
        digest.update(self.started.as_microsecond().to_be_bytes());
        digest.update(row.to_be_bytes());
        let full: [u8; 32] = digest.finalize().into();
        let mut random = [0; 10];
        random.copy_from_slice(&full[..10]);
        let millis = u64::try_from(self.started.as_millisecond()).unwrap_or_default();
        uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
    }

    /// Waits for the chunk that is being written, if there is one.
    async fn settle(&mut self) -> Result<(), Error> {
        let Some(in_flight) = self.in_flight.take() else {
            return Ok(());
        };
        let answers = match in_flight.await {
            Ok(answers) => answers,
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        };
        for (row, answer) in answers {
            self.count(row, answer)?;
        }
        self.observer.advanced(&self.progress);
        self.check_rejects(false)
    }

    fn count(
        &mut self,
        row: Pending<O>,
        answer: Option<Result<Receipt, app::Error>>,
    ) -> Result<(), Error> {
        let number = row.row;
        match (row.why, answer) {
            (Some(why), _) | (None, Some(Err(app::Error::Invalid(why)))) => {
                self.reject((number, row.line), why, row.origin)?;
            }
            (None, Some(Ok(receipt))) => {
                let is_own = receipt.command_id == row.id;
                self.again += u64::from(is_own && receipt.duplicate);
                self.progress.accepted += u64::from(is_own);
                self.progress.duplicates += u64::from(!is_own);
                if is_own {
                    self.progress.last = self.progress.last.max(receipt.position);
                }
            }
            (None, Some(Err(app::Error::Failed(failure)))) if failure.is_permanent() => {
                let why = Invalid::field(WHOLE, failure.to_string());
                self.reject((number, row.line), why, row.origin)?;
            }
            (None, Some(Err(why))) => {
                let line = row.line;
                return Err(Error::Stopped { line, why });
            }
            (None, None) => {
                let why = app::Error::Store(crate::app::process::unanswered_error());
                let line = row.line;
                return Err(Error::Stopped { line, why });
            }
        }
        self.progress.rows = number;
        Ok(())
    }

    fn reject(&mut self, (row, line): (u64, u64), why: Invalid, origin: O) -> Result<(), Error> {
        let rejection = Rejection {
            row,
            line,
            why,
            origin,
        };
        let told = self.observer.rejected(rejection);
        told.map_err(Error::Observer)?;
        self.progress.rejected += 1;
        Ok(())
    }

    fn check_rejects(&self, at_end: bool) -> Result<(), Error> {
        let passed = self
            .rejects_max
            .filter(|max| max.is_passed(&self.progress, at_end));
        passed.map_or(Ok(()), |limit| {
            Err(Error::TooManyRejected {
                rejected: self.progress.rejected,
                rows: self.progress.rows,
                limit,
            })
        })
    }

    /// Writes down how far it is; what is to become of it.
    async fn write_down(&mut self) -> Result<State, Error> {
        self.looked = Instant::now();
        let written: Result<u64, Cause> = self.observer.written();
        self.progress.rejects_bytes = written.map_err(Error::Observer)?;
        let imports = &self.app.tier().imports;
        let state = imports
            .advance(&self.plan.name, self.id, self.progress)
            .await?;
        let name = self.plan.name.clone();
        state.ok_or(Error::TakenOver { name })
    }

    async fn look_if_due(&mut self) -> Result<Option<State>, Error> {
        if self.looked.elapsed() < LOOK_INTERVAL {
            return Ok(None);
        }
        self.look().await
    }

    /// Looks what is asked, and stands still as long as that is to pause. The state in which it
    /// ends here, if it does.
    async fn look(&mut self) -> Result<Option<State>, Error> {
        let mut state = self.write_down().await?;
        if state == State::Running {
            return Ok(None);
        }
        self.settle().await?;
        if state == State::Paused {
            self.observer.asked(state);
        }
        while state == State::Paused {
            // sleep: between two looks at what operators ask, which has no signal
            tokio::time::sleep(LOOK_INTERVAL).await;
            state = self.write_down().await?;
        }
        self.observer.asked(state);
        // What was settled last is written down, too.
        let state = self.write_down().await?;
        Ok((state.is_final()).then_some(state))
    }

    async fn finish(&mut self) -> Result<State, Error> {
        self.check_rejects(true)?;
        self.write_down().await?;
        let imports = &self.app.tier().imports;
        let before = imports.ask(&self.plan.name, State::Finished).await?;
        Ok(match before {
            Some(State::Cancelled) => State::Cancelled,
            _ => State::Finished,
        })
    }
}

async fn submit<D: Domain, C: Importable<D>, O>(app: App<D>, chunk: Chunk<C, O>) -> Answers<O> {
    let answers = match chunk.commands.is_empty() {
        true => Vec::new(),
        false => C::submit(&app, chunk.commands).await,
    };
    let mut answers = answers.into_iter();
    let rows = chunk.rows.into_iter().map(|row| {
        let answer = match row.why {
            Some(_) => None,
            None => answers.next(),
        };
        (row, answer)
    });
    rows.collect()
}

impl<O, B: Observer<O> + ?Sized> Observer<O> for &mut B {
    fn begins(&mut self, import: &Record) -> Result<(), Cause> {
        (**self).begins(import)
    }

    fn rejected(&mut self, rejection: Rejection<O>) -> Result<(), Cause> {
        (**self).rejected(rejection)
    }

    fn written(&mut self) -> Result<u64, Cause> {
        (**self).written()
    }

    fn advanced(&mut self, progress: &Progress) {
        (**self).advanced(progress);
    }

    fn asked(&mut self, state: State) {
        (**self).asked(state);
    }
}
