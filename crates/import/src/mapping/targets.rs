//! Which column goes to which field, decided once.

use protean_core::config::nearest;
use protean_core::schema::{Field, Schema};

use super::{Extra, Origin, Plan, Target, convert};

/// Columns and fields while they are brought together.
pub(super) struct Matching<'a> {
    schema: &'static Schema,
    columns: &'a [String],
    used: Vec<bool>,
    pub(super) targets: Vec<Target>,
    pub(super) problems: Vec<String>,
    pub(super) unfilled: Vec<&'static str>,
}

/// A name as people mean it: without case, spaces, hyphens and underscores.
fn plain(name: &str) -> String {
    let letters = name.chars().filter(|one| !matches!(one, '_' | '-' | ' '));
    letters.flat_map(char::to_lowercase).collect()
}

impl<'a> Matching<'a> {
    pub(super) fn new(schema: &'static Schema, columns: &'a [String]) -> Self {
        Self {
            schema,
            columns,
            used: vec![false; columns.len()],
            targets: Vec::new(),
            problems: Vec::new(),
            unfilled: Vec::new(),
        }
    }

    /// Takes what the plan says.
    pub(super) fn assign(&mut self, plan: &Plan) {
        for one in &plan.columns {
            let Some(field) = self.field(&one.field, "--map") else {
                continue;
            };
            match self.column(&one.value) {
                Ok(at) => self.take(field, at),
                Err(problem) => self.problems.push(problem),
            }
        }
        for one in &plan.constants {
            let Some(field) = self.field(&one.field, "--const") else {
                continue;
            };
            let mut json = Vec::new();
            match convert::text(field, Some(&one.value), &mut json) {
                Ok(()) if json.is_empty() => self.problems.push(format!(
                    "the constant for {} is empty; leave it out",
                    field.name
                )),
                Ok(()) => self.targets.push(Target {
                    field,
                    origin: Origin::Constant(json),
                }),
                Err(message) => self
                    .problems
                    .push(format!("the constant for {}: {message}", field.name)),
            }
        }
    }

    /// The field with this name, if there is one and it has no values yet.
    fn field(&mut self, name: &str, said: &str) -> Option<&'static Field> {
        let Some((_, field)) = self.schema.field(name) else {
            let known = self.schema.fields.iter().map(|field| field.name);
            let advice = match nearest(name, known) {
                Some(near) => format!("did you mean {near}?"),
                None if self.columns.iter().any(|column| column == name) => {
                    "it is a column; the field comes first, as in price_amount=price".to_owned()
                }
                None => format!("{} has {}", self.schema.name, names(self.schema)),
            };
            self.problems
                .push(format!("{said} {name}: there is no such field; {advice}"));
            return None;
        };
        if self.targets.iter().any(|target| target.field.name == name) {
            self.problems.push(format!(
                "{said} {name}: it gets its values from elsewhere, too"
            ));
            return None;
        }
        Some(field)
    }

    /// The place of the column that is meant.
    fn column(&self, name: &str) -> Result<usize, String> {
        match self.find(name) {
            Ok(Some(at)) => Ok(at),
            Ok(None) => {
                let known = self.columns.iter().map(String::as_str);
                let advice = match nearest(name, known) {
                    Some(near) => format!("did you mean \"{near}\"?"),
                    None => format!("there are {}", quoted(self.columns.iter())),
                };
                Err(format!("there is no column \"{name}\"; {advice}"))
            }
            Err(problem) => Err(problem),
        }
    }

    /// The column of exactly this name, or the only one that is meant by it.
    fn find(&self, name: &str) -> Result<Option<usize>, String> {
        if let Some(at) = self.columns.iter().position(|column| column == name) {
            return Ok(Some(at));
        }
        let meant = plain(name);
        let alike = |at: &usize| !meant.is_empty() && plain(&self.columns[*at]) == meant;
        let alike: Vec<usize> = (0..self.columns.len()).filter(alike).collect();
        match alike.as_slice() {
            [] => Ok(None),
            [at] => Ok(Some(*at)),
            several => {
                let several = quoted(several.iter().map(|at| &self.columns[*at]));
                Err(format!(
                    "{name} may be any of the columns {several}; say which, as in --map {name}=COLUMN"
                ))
            }
        }
    }

    fn take(&mut self, field: &'static Field, at: usize) {
        self.used[at] = true;
        self.targets.push(Target {
            field,
            origin: Origin::Column {
                name: self.columns[at].clone(),
                at,
            },
        });
    }

    /// Gives the fields that have no values yet the columns of their names.
    pub(super) fn by_name(&mut self) {
        for field in self.schema.fields {
            if self
                .targets
                .iter()
                .any(|target| target.field.name == field.name)
            {
                continue;
            }
            match self.find(field.name) {
                Ok(Some(at)) if !self.used[at] => self.take(field, at),
                Ok(_) => self.unfilled.push(field.name),
                Err(problem) => self.problems.push(problem),
            }
        }
    }

    /// Tells what is missing and what is doubtful; the columns that stay unused.
    pub(super) fn finish(&mut self, extra: Extra) -> Vec<String> {
        let free = self.columns.iter().zip(&self.used);
        let unused: Vec<String> = free
            .filter(|(name, used)| !**used && !name.is_empty())
            .map(|(name, _)| name.clone())
            .collect();
        let mut missing = Vec::new();
        for field in self.schema.fields {
            let is_needed = !field.optional && !field.defaulted;
            if is_needed && self.unfilled.contains(&field.name) {
                missing.push(field.name);
                let problem = self.missing(field, &unused);
                self.problems.push(problem);
            }
        }
        let open: Vec<&str> = self.unfilled.clone();
        for column in unused.iter().filter(|_| extra == Extra::Doubted) {
            if let Some(near) = nearest(column, open.iter().copied())
                && !missing.contains(&near)
            {
                self.problems.push(format!(
                    "the column \"{column}\" looks like the field {near}, which would stay empty; \
                     say --map {near}={column}, or --ignore-extra"
                ));
            }
        }
        self.sort();
        unused
    }

    /// Expects the fields that have no column yet under their own names: the objects of a file do
    /// not all have the same keys.
    pub(super) fn expect_unfilled(&mut self) {
        for name in std::mem::take(&mut self.unfilled) {
            if let Some((_, field)) = self.schema.field(name) {
                let origin = Origin::Column {
                    name: name.to_owned(),
                    at: self.columns.len(),
                };
                self.targets.push(Target { field, origin });
            }
        }
        self.sort();
    }

    fn sort(&mut self) {
        let schema = self.schema;
        let order = |target: &Target| schema.field(target.field.name).map(|(at, _)| at);
        self.targets.sort_by_key(order);
    }

    fn missing(&self, field: &Field, unused: &[String]) -> String {
        let name = field.name;
        let advice = match nearest(name, unused.iter().map(String::as_str)) {
            Some(near) => format!("did you mean \"{near}\"? say --map {name}={near}"),
            None if unused.is_empty() => format!("say --const {name}=VALUE"),
            None => format!(
                "if it is one of {}, say --map {name}=COLUMN; if it is the same in all rows, \
                 --const {name}=VALUE",
                quoted(unused.iter())
            ),
        };
        format!("there is no column for {name}; {advice}")
    }
}

fn names(schema: &Schema) -> String {
    let names = schema.fields.iter().map(|field| field.name);
    names.collect::<Vec<_>>().join(", ")
}

/// Names as a sentence lists them; of very many only the first.
fn quoted<'n>(names: impl Iterator<Item = &'n String>) -> String {
    /// More than anybody reads in a message.
    const NAMES_MAX: usize = 12;
    let mut names: Vec<String> = names.map(|name| format!("\"{name}\"")).collect();
    if names.len() > NAMES_MAX {
        let more = names.len() - NAMES_MAX;
        names.truncate(NAMES_MAX);
        names.push(format!("{more} more"));
    }
    names.join(", ")
}
