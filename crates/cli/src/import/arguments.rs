//! What an import is asked.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::Args;
use protean_core::app::import::{RejectsMax, check_name};
use protean_core::config::nearest;
use protean_core::domain::{Domain, Intake};
use protean_core::throttle::Rate;
use protean_core::{App, Priority};
use protean_import::{Assignment, Encoding, Extra, Format, Mapping, Plan, Reading, Source};

use crate::{Common, Error};

/// Standard input, where a file is asked for.
const STDIN: &str = "-";

/// Threads that make rows into commands: more than one core is worth, and not all of a machine that
/// others work on.
const WORKERS_MAX: usize = 4;

/// What is imported, and how.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Files of rows: CSV, TSV, JSON Lines, also packed as gz or zst, or Parquet; `-` is standard
    /// input
    #[arg(required = true, value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,
    /// The command that each row is: `AddBook`
    #[arg(long, value_name = "NAME")]
    pub(super) command: String,
    /// Take a field from a column of another name: `--map price_amount=price`
    #[arg(long, value_name = "FIELD=COLUMN")]
    pub(super) map: Vec<Assignment>,
    /// Give a field the same value in every row: `--const source=vintage`
    #[arg(long = "const", value_name = "FIELD=VALUE")]
    pub(super) constants: Vec<Assignment>,
    /// Ignore columns that are not used, also those that look like a field
    #[arg(long)]
    pub(super) ignore_extra: bool,
    /// How urgent the commands, and all that they cause, are: bulk, low, normal or a number
    #[arg(long, default_value = "bulk", allow_negative_numbers = true)]
    pub(super) priority: Priority,
    /// The field that tells rows apart, in all imports: a second row with the same is not accepted
    ///
    /// Without it, and where the field is empty, rows are told apart by the name of the import and
    /// their number.
    #[arg(long, value_name = "FIELD")]
    pub(super) key: Option<String>,
    /// Check all rows by the rules of the domain, and write nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Write rows that are rejected to this file, to be mended and imported again
    #[arg(long, value_name = "FILE")]
    pub(super) rejects: Option<PathBuf>,
    /// Submit no more rows per second than this
    #[arg(long, value_name = "N/s", value_parser = rate)]
    pub(super) rate: Option<Rate>,
    /// Stop when more rows than this are rejected: a number, or a part such as 5%
    #[arg(long, value_name = "N|P%")]
    pub(super) max_rejects: Option<RejectsMax>,
    /// What the import is called, to go on with it, and for `imports`; the name of the file, unless
    /// something is said
    #[arg(long)]
    pub(super) name: Option<String>,
    /// End when everything is handled and projected
    #[arg(long)]
    pub(super) wait: bool,
    /// The format: csv, tsv, text (of PostgreSQL), jsonl or parquet; told from the file, unless
    /// something is said
    #[arg(long, value_name = "FORMAT")]
    pub(super) format: Option<Format>,
    /// What separates fields: one character, or `tab`
    #[arg(long, value_name = "CHARACTER", value_parser = protean_import::delimiter)]
    pub(super) delimiter: Option<char>,
    /// The encoding, such as windows-1252
    #[arg(long, value_name = "NAME")]
    pub(super) encoding: Option<Encoding>,
    #[command(flatten)]
    pub(super) common: Common,
}

/// A rate as people write it: `500`, or `500/s`.
fn rate(text: &str) -> Result<Rate, protean_core::throttle::NoRate> {
    text.strip_suffix("/s").unwrap_or(text).parse()
}

impl Arguments {
    pub(crate) const fn common(&self) -> &Common {
        &self.common
    }

    /// The command that the domain has under this name.
    pub(super) fn intake<'a, D: Domain>(&self, app: &'a App<D>) -> Result<&'a Intake, Error> {
        let name = &self.command;
        app.registry().command_named(name).ok_or_else(|| {
            let known: Vec<_> = app.registry().commands().iter().map(Intake::name).collect();
            let advice = match nearest(name, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("it has {}", known.join(", ")),
            };
            let name = name.clone();
            Error::UnknownCommand { name, advice }
        })
    }

    /// Whether what is asked goes together.
    pub(super) fn check(&self, intake: &Intake) -> Result<(), Error> {
        let conflict = |why: &str| {
            let why = why.to_owned();
            Err(Error::Arguments { why })
        };
        if self.files.len() > 1 && (self.name.is_some() || self.rejects.is_some()) {
            return conflict("one file where `--name` or `--rejects` is given, found several");
        }
        if let Some(key) = &self.key
            && intake.schema.field(key).is_none()
        {
            let known = intake.schema.fields.iter().map(|field| field.name);
            let why = match nearest(key, known) {
                Some(near) => format!("a field as the key, found \"{key}\"; did you mean {near}?"),
                None => format!("a field as the key, found \"{key}\""),
            };
            return Err(Error::Arguments { why });
        }
        for file in &self.files {
            if self.name.is_none() && is_stdin(file) {
                return conflict("`--name` with standard input, which has no name of its own");
            }
            check_name(&self.name(file))?;
        }
        Ok(())
    }

    /// The name of the import of a file.
    pub(super) fn name(&self, file: &Path) -> String {
        if let Some(name) = &self.name {
            return name.clone();
        }
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let stem = name.split('.').next().unwrap_or_default();
        let letter = |letter: char| match letter.is_ascii_alphanumeric() || letter == '_' {
            true => letter,
            false => '-',
        };
        stem.chars().map(letter).collect()
    }

    /// Opens a file, and matches its columns with the fields of the command.
    pub(super) fn open(&self, intake: &Intake, file: &Path) -> Result<(Source, Mapping), Error> {
        let reading = Reading {
            format: self.format,
            delimiter: self.delimiter,
            encoding: self.encoding.unwrap_or_default(),
            ..Reading::default()
        };
        let plan = Plan {
            columns: self.map.clone(),
            constants: self.constants.clone(),
            extra: match self.ignore_extra {
                true => Extra::Ignored,
                false => Extra::Doubted,
            },
        };
        let source = Source::open(file, &reading)?;
        let mapping = Mapping::of(intake.schema, &source, &plan)?;
        Ok((source, mapping))
    }

    /// What may not change while an import goes on, as it was said.
    pub(super) fn text(&self) -> String {
        let mut text = format!("--command {}", self.command);
        let mut add = |option: &str, value: String| text.push_str(&format!(" {option} {value}"));
        for one in &self.map {
            add("--map", format!("{}={}", one.field, one.value));
        }
        for one in &self.constants {
            add("--const", format!("{}={}", one.field, one.value));
        }
        if let Some(key) = &self.key {
            add("--key", key.clone());
        }
        if let Some(format) = self.format {
            add("--format", format.name().to_owned());
        }
        if let Some(delimiter) = self.delimiter {
            add("--delimiter", delimiter.escape_default().to_string());
        }
        if let Some(encoding) = self.encoding {
            add("--encoding", encoding.name().to_owned());
        }
        if self.ignore_extra {
            text.push_str(" --ignore-extra");
        }
        text
    }

    /// How many threads make rows into commands.
    pub(super) fn workers() -> NonZeroUsize {
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        NonZeroUsize::new(cores.min(WORKERS_MAX)).unwrap_or(NonZeroUsize::MIN)
    }
}

/// Whether a file is standard input.
pub(super) fn is_stdin(file: &Path) -> bool {
    file == Path::new(STDIN)
}
