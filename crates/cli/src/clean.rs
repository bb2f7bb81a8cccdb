//! `db clean`: removes what is old now, as servers do by and by.

use clap::Args;
use protean_core::App;
use protean_core::domain::Domain;
use protean_core::port::retention::Kind;
use protean_server::cleaning::{self, Mode};
use serde_json::json;

use crate::output::Report;
use crate::{Common, Error, grouped, table};

const HEADINGS: [&str; 3] = ["Kind", "From before", "Rows"];

#[derive(Debug, Args)]
pub struct Clean {
    /// Only count what would be removed
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    pub(crate) common: Common,
}

impl Clean {
    const fn mode(&self) -> Mode {
        if self.dry_run {
            Mode::Count
        } else {
            Mode::Remove
        }
    }

    pub(crate) async fn run<D: Domain>(&self, app: &App<D>) -> Result<Report, Error> {
        let retention = &*app.tier().retention;
        let mode = self.mode();
        let _turn = match mode {
            Mode::Count => None,
            Mode::Remove => Some(retention.turn().await?.ok_or(Error::Cleaning)?),
        };
        let subscriptions = app.subscriptions();
        let (mut rows, mut kinds) = (Vec::new(), Vec::new());
        for kind in Kind::ALL {
            let sweep = cleaning::sweep(kind, &app.config().retention, &subscriptions);
            let (before, count) = match sweep {
                None => (None, 0),
                Some(sweep) => {
                    let count = cleaning::run(retention, &sweep, mode, |_| {}).await?;
                    (Some(sweep.before), count)
                }
            };
            let told = before.map_or_else(|| "-".to_owned(), |it| it.strftime("%F %T").to_string());
            rows.push([kind.name().to_owned(), told, grouped(count)]);
            kinds.push(json!({
                "kind": kind.name(),
                "before": before.map(|before| before.to_string()),
                "rows": count,
            }));
        }
        let done = match mode {
            Mode::Count => "Nothing was removed: this is what would be.\n",
            Mode::Remove => "",
        };
        Ok(Report {
            text: table::render(&HEADINGS, rows) + done,
            data: json!({ "dry_run": mode == Mode::Count, "kinds": kinds }),
        })
    }
}
