//! `db`: the tables.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use protean_core::App;
use protean_core::domain::Domain;
use protean_core::port::Tables;
use serde_json::json;

use crate::clean::Clean;
use crate::output::Report;
use crate::{Common, Error};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make the tables, columns and indexes that are missing
    Setup(Setup),
    /// Copy everything into a new file, while servers go on; for the embedded tier
    Backup(Backup),
    /// Remove what is handled and older than the configuration keeps it, as servers do by and by
    Clean(Clean),
    /// Remove every table, with everything in it
    Drop(Destructive),
    /// Remove everything from every table
    Truncate(Destructive),
}

#[derive(Debug, Args)]
pub struct Setup {
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
pub struct Backup {
    /// The file to make, which must not be there
    file: PathBuf,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
pub struct Destructive {
    /// Do it, although it cannot be undone
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    common: Common,
}

impl Command {
    pub(crate) const fn common(&self) -> &Common {
        match self {
            Self::Setup(arguments) => &arguments.common,
            Self::Backup(arguments) => &arguments.common,
            Self::Clean(arguments) => &arguments.common,
            Self::Drop(arguments) | Self::Truncate(arguments) => &arguments.common,
        }
    }

    pub(crate) async fn run<D: Domain>(&self, app: &App<D>) -> Result<Report, Error> {
        let tables = &app.tier().tables;
        let schemas = app.registry().tables();
        let changes = match self {
            Self::Setup(_) => tables.setup(schemas).await?,
            Self::Backup(arguments) => return arguments.run(&**tables).await,
            Self::Clean(arguments) => return arguments.run(app).await,
            Self::Drop(arguments) => {
                arguments.confirmed("dropping every table")?;
                tables.drop_all(schemas).await?
            }
            Self::Truncate(arguments) => {
                arguments.confirmed("emptying every table")?;
                tables.truncate_all(schemas).await?
            }
        };
        Ok(report(&changes))
    }
}

impl Backup {
    async fn run(&self, tables: &dyn Tables) -> Result<Report, Error> {
        let Self { file, .. } = self;
        let bytes = tables.backup(file).await?.ok_or(Error::NoBackup)?;
        let name = file.display();
        Ok(Report {
            text: format!("Backed up to {name}: {} bytes.\n", crate::grouped(bytes)),
            data: json!({"file": file.to_string_lossy(), "bytes": bytes}),
        })
    }
}

impl Destructive {
    const fn confirmed(&self, what: &'static str) -> Result<(), Error> {
        if self.yes {
            Ok(())
        } else {
            Err(Error::Unconfirmed { what })
        }
    }
}

fn report(changes: &[String]) -> Report {
    let text = match changes {
        [] => "Nothing to do: every table is as the code wants it.\n".to_owned(),
        changes => changes.iter().map(|change| format!("{change}\n")).collect(),
    };
    Report {
        text,
        data: json!({ "changes": changes }),
    }
}
