//! `import`: a file of any kind, as bulk commands of any domain.

mod arguments;
mod dry;
mod feed;
mod job;
mod rejects;
mod screen;
mod stop;

use std::process::ExitCode;

use protean_core::App;
use protean_core::domain::Domain;

use crate::host::{self, Host};
use crate::output::{self, Format, Report};
use crate::{Error, connect};

pub(crate) use arguments::Arguments;

/// What a command came to, where not all may have been well.
pub(crate) struct Ending {
    pub(crate) report: Report,
    pub(crate) is_all_in: bool,
}

/// Imports, from the start of the program to its end.
pub(crate) fn execute<H: Host>(arguments: &Arguments, host: H) -> ExitCode {
    let format = arguments.common.format();
    match run(arguments, host) {
        Ok(ending) if ending.is_all_in => output::report(format, &ending.report),
        Ok(ending) => output::findings(format, &ending.report),
        Err(error) => output::error(format, &error),
    }
}

fn run<H: Host>(arguments: &Arguments, host: H) -> Result<Ending, Error> {
    host::check_name::<H>(arguments.common.domain.as_deref())?;
    let config = host.config().map_err(Error::start)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .on_thread_start(protean_core::thread::stand_back)
        .enable_all()
        .build()
        .map_err(Error::start)?;
    let ending = runtime.block_on(async {
        let app = connect(host, config).await?;
        // Nobody waits for an import. The threads that write, started before, go on as they are:
        // others wait for them.
        protean_core::thread::stand_back();
        import_all(arguments, &app).await
    });
    // A thread may wait for standard input, which nobody may ever end.
    runtime.shutdown_background();
    ending
}

/// Imports file after file, each a job of its own.
async fn import_all<D: Domain>(arguments: &Arguments, app: &App<D>) -> Result<Ending, Error> {
    let intake = arguments.intake(app)?;
    arguments.check(intake)?;
    let (mut text, mut data, mut is_all_in) = (String::new(), Vec::new(), true);
    for file in &arguments.files {
        let ending = match arguments.dry_run {
            true => dry::run(arguments, intake, file)?,
            false => job::run(arguments, app, intake, file).await?,
        };
        text.push_str(&ending.report.text);
        data.push(ending.report.data);
        is_all_in &= ending.is_all_in;
    }
    let data = serde_json::json!({ "imports": data });
    let report = Report { text, data };
    Ok(Ending { report, is_all_in })
}

/// Whether lines are written for programs.
pub(crate) fn is_json(format: Format) -> bool {
    format == Format::Json
}
