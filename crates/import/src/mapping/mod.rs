//! From the columns of a file to the fields of a command.
//!
//! Everything about columns is decided before the first row; what is left for each row is to
//! convert its values.

mod convert;
mod plan;
mod targets;
mod write;

pub use plan::{Assignment, Extra, Plan};

use std::collections::HashMap;

use protean_core::schema::{Field, Schema};

use crate::error::Error;
use crate::format::Format;
use crate::read::Source;

/// Which column each field of a command gets its values from.
#[derive(Debug)]
pub struct Mapping {
    targets: Vec<Target>,
    /// JSON Lines: the keys, and the target that each is for; nothing for those that are ignored.
    keys: HashMap<String, Option<usize>>,
    extra: Extra,
    command: &'static str,
    ignored: Vec<String>,
    unfilled: Vec<&'static str>,
}

/// A field, and where its values come from.
#[derive(Debug)]
struct Target {
    field: &'static Field,
    origin: Origin,
}

#[derive(Debug)]
enum Origin {
    /// The column with this name, at this place.
    Column { name: String, at: usize },
    /// A value as JSON, the same in all rows.
    Constant(Vec<u8>),
}

impl Mapping {
    /// Decides which column goes where.
    ///
    /// A field takes the column that the plan says, or the one of its name, or one whose name
    /// differs in nothing but case, spaces, hyphens and underscores, if there is only one.
    ///
    /// # Errors
    /// Everything that does not fit, at once: fields without a column that need one, columns and
    /// fields that are not there, with the nearest name, and constants that are no value of their
    /// field.
    pub fn of(schema: &'static Schema, source: &Source, plan: &Plan) -> Result<Self, Error> {
        let columns = source.columns();
        let mut matching = targets::Matching::new(schema, columns);
        matching.assign(plan);
        matching.by_name();
        let is_open = source.layout().format == Format::Json;
        let unused = matching.finish(plan.extra);
        if is_open {
            matching.expect_unfilled();
        }
        let targets::Matching {
            targets,
            problems,
            unfilled,
            ..
        } = matching;
        if !problems.is_empty() {
            return Err(Error::Columns {
                file: source.file().to_owned(),
                command: schema.name,
                problems,
            });
        }
        let mut mapping = Self {
            targets,
            keys: HashMap::new(),
            extra: plan.extra,
            command: schema.name,
            ignored: unused,
            unfilled,
        };
        if is_open {
            mapping.index_keys();
        }
        Ok(mapping)
    }

    /// The columns that no field takes.
    #[must_use]
    pub fn ignored(&self) -> &[String] {
        &self.ignored
    }

    /// The fields that get no value from the file: they are optional, or have a default.
    #[must_use]
    pub fn unfilled(&self) -> &[&'static str] {
        &self.unfilled
    }

    /// The fields and the columns they take, in the order of the command; a constant has none.
    pub fn columns(&self) -> impl Iterator<Item = (&'static str, Option<&str>)> {
        self.targets.iter().map(|target| match &target.origin {
            Origin::Column { name, .. } => (target.field.name, Some(name.as_str())),
            Origin::Constant(_) => (target.field.name, None),
        })
    }

    /// What the file calls a field: its column, where it has one.
    #[must_use]
    pub fn called<'a>(&'a self, field: &'a str) -> &'a str {
        let target = self
            .targets
            .iter()
            .find(|target| target.field.name == field);
        match target.map(|target| &target.origin) {
            Some(Origin::Column { name, .. }) => name,
            _ => field,
        }
    }

    /// The keys of JSON objects, which may come in any order and not all at once.
    fn index_keys(&mut self) {
        let ignored = self.ignored.iter().map(|key| (key.clone(), None));
        self.keys = ignored.collect();
        for (nth, target) in self.targets.iter().enumerate() {
            if let Origin::Column { name, .. } = &target.origin {
                self.keys.insert(name.clone(), Some(nth));
            }
        }
    }
}
