//! What is wrong with a configuration.

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, as the caller calls it.
    pub file: Arc<str>,
    /// The line, from 1.
    pub line: usize,
    /// The key with the tables around it, `server.priority_lanes`; empty for the file itself.
    pub key: String,
    /// What was expected, what was found, and how to mend it.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.file, self.line)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.what)
    }
}

/// Everything that is wrong with a configuration, in the order of its lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    problems: Vec<Problem>,
}

impl Error {
    /// What is wrong; never empty.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[PE0401] the configuration is wrong")?;
        for problem in &self.problems {
            write!(f, "\n  {problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

/// Where problems are put as they are found.
pub(super) struct Problems {
    file: Arc<str>,
    found: RefCell<Vec<Problem>>,
}

impl Problems {
    pub(super) fn new(file: &str) -> Self {
        Self {
            file: file.into(),
            found: RefCell::default(),
        }
    }

    pub(super) fn add(&self, line: usize, key: impl Into<String>, what: impl Into<String>) {
        self.found.borrow_mut().push(Problem {
            file: self.file.clone(),
            line,
            key: key.into(),
            what: what.into(),
        });
    }

    /// # Errors
    /// When there is one.
    pub(super) fn into_result(self) -> Result<(), Error> {
        let mut problems = self.found.into_inner();
        problems.sort_by_key(|problem| problem.line);
        match problems.is_empty() {
            true => Ok(()),
            false => Err(Error { problems }),
        }
    }
}
