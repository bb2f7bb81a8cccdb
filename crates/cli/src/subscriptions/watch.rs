//! The status again and again.

use std::io::{self, IsTerminal};
use std::time::Duration;

use protean_core::App;
use protean_core::domain::Domain;

use super::alarm::Alarms;
use super::screen::Screen;
use super::status::Status;
use crate::output::{self, Format};
use crate::{Error, signals};

/// How often it is looked again.
const INTERVAL: Duration = Duration::from_secs(1);

/// Shows the status once a second, until interrupted or until a condition holds; what is printed
/// after that is the last one.
///
/// # Errors
/// When the store does not answer, or the status cannot be printed.
pub(super) async fn watch<D: Domain>(
    app: &App<D>,
    format: Format,
    alarms: Option<&Alarms>,
) -> Result<(), Error> {
    let mut stop = std::pin::pin!(signals::stop_requested()?);
    let mut ticks = tokio::time::interval(INTERVAL);
    let is_screen = format == Format::Text && io::stdout().is_terminal();
    let screen = is_screen.then(Screen::open).transpose()?;
    loop {
        tokio::select! {
            () = &mut stop => return Ok(()),
            _ = ticks.tick() => {}
        }
        let status = Status::of(app).await?;
        match (&screen, format) {
            (Some(screen), _) => screen.draw(&on_screen(&status))?,
            (None, Format::Json) => output::print(&output::envelope_line(&status.to_json()))?,
            (None, Format::Text) => output::print(&format!("{status}\n"))?,
        }
        if alarms.is_some_and(|alarms| !status.findings(alarms).is_empty()) {
            return Ok(());
        }
    }
}

/// The status with what a screen has no other place for.
fn on_screen(status: &Status) -> String {
    let notes = status.notes();
    let notes = notes.iter().map(|note| format!("\n{note}\n"));
    notes.fold(status.to_string(), |text, note| text + &note)
}
