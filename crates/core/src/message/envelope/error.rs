//! Why a text is no envelope.

/// Why a text is no envelope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It is no JSON, or too much of it.
    #[error("[PE0130] the envelope is not readable: {why}")]
    Malformed {
        /// What is wrong, and where.
        why: String,
    },
    /// Its payload is not the one that was sent.
    #[error(
        "[PE0131] the payload was changed on its way: expected the checksum {expected}, found \
         {found}"
    )]
    Checksum {
        /// What the envelope says.
        expected: String,
        /// What the payload has.
        found: String,
    },
    /// A field is missing, or is something else.
    #[error("[PE0132] {path}: expected {expected}, found {found}")]
    Field {
        /// The field with those around it, `metadata.headers.id`.
        path: &'static str,
        /// What was expected.
        expected: &'static str,
        /// What was found.
        found: String,
    },
}

impl Error {
    pub(super) fn malformed(why: impl Into<String>) -> Self {
        Self::Malformed { why: why.into() }
    }
}
