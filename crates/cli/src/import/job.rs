//! The import of one file.

use std::convert::Infallible;
use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;

use protean_core::App;
use protean_core::app::import::{self, Handled, Outcome};
use protean_core::domain::{Domain, Intake};
use protean_core::port::imports::{Progress, State};
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::sync::{oneshot, watch};
use uuid::Uuid;

use super::arguments::{Arguments, is_stdin};
use super::feed::{End, Feed, File};
use super::rejects::Watcher;
use super::screen::Screen;
use super::stop::Stop;
use super::{Ending, is_json};
use crate::output::Report;
use crate::{Error, grouped};

/// How often it is looked how much has taken effect, for the screen.
const HANDLED_INTERVAL: Duration = Duration::from_millis(500);

/// The most failures that are counted at the end; more are as many as there may be.
const FAILURES_MAX: usize = 10_000;

/// How much of a file is read at once for its digest.
const DIGEST_BYTES: usize = 256 * 1024;

/// Imports a file, to its end or until it is cancelled.
pub(super) async fn run<D: Domain>(
    arguments: &Arguments,
    app: &App<D>,
    intake: &Intake,
    file: &Path,
) -> Result<Ending, Error> {
    let (source, mapping) = arguments.open(intake, file)?;
    let name = arguments.name(file);
    let digest = match is_stdin(file) {
        true => piped(app, &name).await?,
        false => digest(file)?,
    };
    let (after, start) = oneshot::channel();
    let (progress, progressed) = watch::channel(Progress::default());
    let (told, handled) = watch::channel(Handled::default());
    let meter = source.meter().clone();
    let screen = match is_json(arguments.common().format()) {
        true => Screen::for_programs(name.clone(), meter, handled),
        false => Screen::for_people(name.clone(), meter, handled),
    };
    let stop = Stop::listen(screen.voice())?;
    let rejects = (arguments.rejects.clone(), source.layout().clone());
    let mut watcher = Watcher::new((screen, progress), rejects, after);
    let read = File {
        app: app.clone(),
        command: arguments.command.clone(),
        source,
        mapping,
    };
    let mut import = app
        .import(Feed::start(
            read,
            arguments.key.clone(),
            (start, stop.clone()),
        ))
        .name(&name)
        .of(file.display().to_string(), digest)
        .arguments(arguments.text())
        .priority(arguments.priority)
        .seeking()
        .observe(&mut watcher);
    if let Some(rate) = arguments.rate {
        import = import.rate(rate);
    }
    if let Some(max) = arguments.max_rejects {
        import = import.rejects_max(max);
    }
    let ended = tokio::select! {
        ended = import.run() => ended,
        never = follow(app, &progressed, &told) => match never {},
        () = stop.clone().overdue() => Err(import::Error::Source(End::Interrupted.into())),
    };
    let failed = match &ended {
        Ok(outcome) => tokio::select! {
            failed = settle(arguments, app, &name, outcome, &mut watcher.screen) => failed,
            () = stop.requested() => Err(Error::Interrupted {
                why: format!("all rows of {name} are in, and are handled without anybody waiting"),
            }),
        },
        Err(_) => Ok(None),
    };
    watcher.screen.end();
    let rows = progressed.borrow().rows;
    let outcome = ended.map_err(|error| told_of(error, &name, file, rows))?;
    Ok(ending(arguments, &name, &outcome, failed?))
}

/// Looks now and then how much has taken effect. Goes on until it is dropped.
async fn follow<D: Domain>(
    app: &App<D>,
    progress: &watch::Receiver<Progress>,
    told: &watch::Sender<Handled>,
) -> Infallible {
    loop {
        // sleep: between two looks at what changes all the time
        tokio::time::sleep(HANDLED_INTERVAL).await;
        let progress = *progress.borrow();
        // A number that is not to be had now is shown later.
        if let Ok(handled) = app.imports().handled(&progress).await {
            told.send_replace(handled);
        }
    }
}

/// Waits until all has taken effect, if that is asked; how much was given up.
async fn settle<D: Domain>(
    arguments: &Arguments,
    app: &App<D>,
    name: &str,
    outcome: &Outcome,
    screen: &mut Screen,
) -> Result<Option<usize>, Error> {
    if !arguments.wait || outcome.state != State::Finished {
        return Ok(None);
    }
    let imports = app.imports();
    let tell = |handled| screen.waits(&outcome.progress, handled);
    imports.settled(name, tell).await?;
    Ok(Some(imports.failures(name, FAILURES_MAX).await?.len()))
}

fn ending(arguments: &Arguments, name: &str, outcome: &Outcome, failed: Option<usize>) -> Ending {
    let now = &outcome.progress;
    let mut text = format!(
        "Import {name} {}: {} accepted, {} duplicates, {} rejected.\n",
        outcome.state,
        grouped(now.accepted),
        grouped(now.duplicates),
        grouped(now.rejected)
    );
    if let Some(path) = arguments.rejects.as_ref().filter(|_| now.rejected > 0) {
        text.push_str(&format!("The rejected rows are in {}.\n", path.display()));
    }
    match failed {
        None => {}
        Some(0) => text.push_str("All of it is handled and projected.\n"),
        Some(failed) => text.push_str(&format!(
            "All of it is handled and projected, but for {} failures; `imports show {name} \
             --failures` tells their lines.\n",
            grouped(failed as u64)
        )),
    }
    let data = json!({
        "name": name,
        "state": outcome.state.name(),
        "rows": now.rows,
        "accepted": now.accepted,
        "duplicates": now.duplicates,
        "rejected": now.rejected,
        "rows_before": outcome.before.rows,
        "rejects": arguments.rejects.as_ref().map(|path| path.display().to_string()),
        "settled": failed.is_some(),
        "failed": failed,
    });
    let is_all_in = now.rejected == 0 && outcome.state == State::Finished;
    Ending {
        report: Report { text, data },
        is_all_in,
    }
}

/// Why an import ended; whether somebody asked, and how to go on then.
fn told_of(error: import::Error, name: &str, file: &Path, rows: u64) -> Error {
    let is_asked = |cause: &import::Cause| matches!(cause.downcast_ref(), Some(End::Interrupted));
    if !matches!(&error, import::Error::Source(cause) if is_asked(cause)) {
        return error.into();
    }
    let how = match is_stdin(file) {
        true => "what is left has to be a file, imported under another name",
        false => "the same line goes on there",
    };
    let rows = grouped(rows);
    let why = format!("the import {name} is done with {rows} rows; {how}");
    Error::Interrupted { why }
}

/// What stands for the digest of standard input, of which nothing is known before it is read: it is
/// the same as nothing else, so that no import goes on with other rows than it began with.
async fn piped<D: Domain>(app: &App<D>, name: &str) -> Result<String, Error> {
    match app.imports().find(name).await {
        Err(import::Error::Unknown { .. }) => Ok(format!("-{}", Uuid::now_v7())),
        Err(error) => Err(error.into()),
        Ok(known) => Err(Error::Piped {
            name: name.to_owned(),
            rows: grouped(known.progress.rows),
        }),
    }
}

/// A digest of a file.
fn digest(file: &Path) -> Result<String, Error> {
    let unreadable = |why: io::Error| Error::Unreadable {
        file: file.display().to_string(),
        why,
    };
    let mut opened = std::fs::File::open(file).map_err(unreadable)?;
    let mut digest = Sha256::new();
    let mut buffer = vec![0; DIGEST_BYTES];
    loop {
        let count = opened.read(&mut buffer).map_err(unreadable)?;
        if count == 0 {
            break;
        }
        digest.update(&buffer[..count]);
    }
    let digest = digest.finalize();
    Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}
