//! Why a handler did not do its work, and what that means for its message.

use std::error::Error as StdError;
use std::fmt;

use crate::schema::{Invalid, Value};

/// The outcome of a handler that did not do its work.
///
/// Any error converts into a failure with `?` and counts as transient: its message is tried again
/// with exponential backoff. A refusal is permanent: trying again cannot help, so the message goes
/// to the dead-letter queue at once.
///
/// ```
/// use protean_core::Failure;
///
/// fn read(text: &str) -> Result<u32, Failure> {
///     let number = text.parse::<u32>()?;
///     if number == 0 {
///         return Err(Failure::refuse("zero is not a quantity"));
///     }
///     Ok(number)
/// }
///
/// assert!(!read("seven").unwrap_err().is_permanent());
/// assert!(read("0").unwrap_err().is_permanent());
/// ```
#[derive(Debug)]
pub struct Failure {
    reason: Reason,
}

/// The kinds of failure.
#[derive(Debug)]
#[non_exhaustive]
pub enum Reason {
    /// A value breaks rules of the domain.
    Invalid(Invalid),
    /// The domain says no.
    Refused(String),
    /// What the handler needs does not exist (yet).
    NotFound {
        /// The element looked for.
        element: &'static str,
        /// The identity looked for.
        id: String,
    },
    /// What the handler wants to add exists already.
    Exists {
        /// The table.
        table: &'static str,
        /// What clashes.
        what: String,
    },
    /// Somebody else changed the same row first; running again sees the newer row.
    Conflict {
        /// The table.
        table: &'static str,
        /// The row's identity.
        id: String,
    },
    /// The payload is not one of the message's type.
    Undecodable(String),
    /// The query has to see what earlier messages of the same batch staged: the batch is committed
    /// first and the message is run again. Never leaves the engine.
    Unflushed,
    /// Anything else, taken to be passing.
    Other(Box<dyn StdError + Send + Sync>),
}

impl Failure {
    /// A refusal: the domain says no, and would say so again.
    #[must_use]
    pub fn refuse(message: impl Into<String>) -> Self {
        Self {
            reason: Reason::Refused(message.into()),
        }
    }

    /// What the handler needs does not exist (yet); tried again.
    #[must_use]
    pub fn not_found(element: &'static str, id: &Value) -> Self {
        Self {
            reason: Reason::NotFound {
                element,
                id: id.to_key(),
            },
        }
    }

    /// A passing failure with this message; tried again.
    #[must_use]
    pub fn transient(message: impl Into<String>) -> Self {
        Self {
            reason: Reason::Other(message.into().into()),
        }
    }

    /// Why.
    #[must_use]
    pub const fn reason(&self) -> &Reason {
        &self.reason
    }

    /// Whether trying again cannot help.
    #[must_use]
    pub const fn is_permanent(&self) -> bool {
        matches!(
            self.reason,
            Reason::Invalid(_)
                | Reason::Refused(_)
                | Reason::Exists { .. }
                | Reason::Undecodable(_)
        )
    }

    /// What it says, for where payloads have no business: of one that cannot be read it would say
    /// the payload.
    #[must_use]
    pub fn without_payload(&self) -> String {
        match self.reason {
            Reason::Undecodable(_) => {
                "[PE0114] undecodable payload; its dead letter has it".to_owned()
            }
            _ => self.to_string(),
        }
    }

    /// Whether it says nothing about the message, so that others fail for the same reason: something
    /// that the handler needs does not work. What is missing, contested or refused is the message's
    /// own trouble.
    #[must_use]
    pub const fn may_be_an_outage(&self) -> bool {
        matches!(self.reason, Reason::Other(_))
    }

    /// Whether another writer was faster, so that running again at once is right.
    #[must_use]
    pub const fn is_conflict(&self) -> bool {
        matches!(self.reason, Reason::Conflict { .. })
    }
}

impl From<Reason> for Failure {
    fn from(reason: Reason) -> Self {
        Self { reason }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reason {
            Reason::Invalid(invalid) => invalid.fmt(f),
            Reason::Refused(message) => write!(f, "[PE0110] {message}"),
            Reason::NotFound { element, id } => write!(f, "[PE0111] no {element} with id {id}"),
            Reason::Exists { table, what } => {
                write!(f, "[PE0112] {table} already holds a row with {what}")
            }
            Reason::Conflict { table, id } => {
                write!(
                    f,
                    "[PE0113] row {id} of {table} was changed by another writer"
                )
            }
            Reason::Undecodable(message) => write!(f, "[PE0114] undecodable payload: {message}"),
            Reason::Unflushed => f.write_str("[PE0115] the batch has to be committed first"),
            Reason::Other(error) => write_chain(f, error.as_ref()),
        }
    }
}

/// The error and everything that caused it, outermost first.
fn write_chain(f: &mut fmt::Formatter<'_>, error: &(dyn StdError + 'static)) -> fmt::Result {
    write!(f, "{error}")?;
    let mut source = error.source();
    while let Some(cause) = source {
        write!(f, ": {cause}")?;
        source = cause.source();
    }
    Ok(())
}

/// `Failure` itself is deliberately no `std::error::Error`, which is what makes this possible.
impl<E: StdError + Send + Sync + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        let error: Box<dyn StdError + Send + Sync> = Box::new(error);
        let reason = match error.downcast::<Invalid>() {
            Ok(invalid) => Reason::Invalid(*invalid),
            Err(error) => Reason::Other(error),
        };
        Self { reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_violations_are_permanent_and_other_errors_are_not() {
        let invalid = Failure::from(Invalid::field("title", "is required"));
        assert!(invalid.is_permanent() && !invalid.may_be_an_outage());
        assert_eq!(invalid.to_string(), "[PE0101] title: is required");

        let other = Failure::from(std::io::Error::other("connection reset"));
        assert!(!other.is_permanent() && other.may_be_an_outage());
        assert_eq!(other.to_string(), "connection reset");
    }

    #[test]
    fn what_is_missing_may_still_come() {
        let missing = Failure::not_found("Book", &Value::from("b-1"));
        assert!(!missing.is_permanent() && !missing.may_be_an_outage());
        assert_eq!(missing.to_string(), "[PE0111] no Book with id b-1");
    }
}
