//! What is wrong with a file as a whole, or with what was asked of it.

use std::io;

use crate::limits::{COLUMNS_MAX, HEADER_BYTES_MAX, RATIO_MAX, ROW_BYTES_MAX};

/// Why reading ended before the end of the file, or did not begin.
///
/// What is wrong with one row is a [`Reject`](crate::Reject) instead.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system does not give it.
    #[error("[PE0801] cannot read {file}: {why}")]
    Unreadable {
        /// The file.
        file: String,
        /// What the operating system said.
        why: io::Error,
    },
    /// A packed file ends too early, or is not what it says it is.
    #[error(
        "[PE0802] {file} is damaged after line {line}: {why}; expected a whole {packing} file, pack or copy it again"
    )]
    Damaged {
        /// The file.
        file: String,
        /// The last line that was read whole.
        line: u64,
        /// `gz` or `zst`.
        packing: &'static str,
        /// What the unpacking said.
        why: String,
    },
    /// A packed file becomes suspiciously large.
    #[error(
        "[PE0803] {file} becomes more than {RATIO_MAX} times its size when it is unpacked (seen after line {line}); if that is meant, unpack it first"
    )]
    Bomb {
        /// The file.
        file: String,
        /// The last line that was read whole.
        line: u64,
    },
    /// A file of a format that cannot be read.
    #[error(
        "[PE0804] expected CSV, TSV or JSON Lines, plain or packed as gz or zst, or Parquet, found {found} in {file}; {advice}"
    )]
    Foreign {
        /// The file.
        file: String,
        /// What it is.
        found: &'static str,
        /// What to do about it.
        advice: &'static str,
    },
    /// There is nothing in it.
    #[error(
        "[PE0805] expected a file with rows, found an empty one: {file}; its first line names the columns"
    )]
    Empty {
        /// The file.
        file: String,
    },
    /// The first line cannot name columns.
    #[error("[PE0806] the first line of {file} names no columns: {why}")]
    Header {
        /// The file.
        file: String,
        /// What is wrong with it.
        why: String,
    },
    /// Two columns have one name.
    #[error(
        "[PE0807] the columns {first} and {second} of {file} are both called \"{name}\"; rename one of them"
    )]
    DuplicateColumn {
        /// The file.
        file: String,
        /// The name.
        name: String,
        /// The number of the first, from 1.
        first: usize,
        /// The number of the second, from 1.
        second: usize,
    },
    /// A row has no end.
    #[error(
        "[PE0808] the row on line {line} of {file} has more than {} MiB; is a quote left open before it?",
        ROW_BYTES_MAX / (1024 * 1024)
    )]
    RowTooLong {
        /// The file.
        file: String,
        /// The line it starts on, from 1.
        line: u64,
    },
    /// A row has too many fields.
    #[error(
        "[PE0809] line {line} of {file} has more than {COLUMNS_MAX} fields; is the delimiter right?"
    )]
    TooManyFields {
        /// The file.
        file: String,
        /// The line, from 1.
        line: u64,
    },
    /// The file ends inside quotes.
    #[error(
        "[PE0810] {file} ends inside quotes: the row that starts on line {line} opens a quote that nothing closes"
    )]
    OpenQuote {
        /// The file.
        file: String,
        /// The line the row starts on, from 1.
        line: u64,
    },
    /// What was said about the file makes no sense.
    #[error("[PE0811] expected {expected}, found \"{found}\"")]
    Option {
        /// What can be said.
        expected: String,
        /// What was said.
        found: String,
    },
    /// The columns do not fit the command.
    #[error("[PE0812] {file} does not fit {command}: {}", problems.join("; "))]
    Columns {
        /// The file.
        file: String,
        /// The command.
        command: &'static str,
        /// Everything that does not fit, and how to mend it.
        problems: Vec<String>,
    },
    /// A Parquet file that is not whole.
    #[error("[PE0890] {file} is no whole Parquet file ({place}): {why}; write or copy it again")]
    DamagedParquet {
        /// The file.
        file: String,
        /// Where that was found.
        place: String,
        /// What is wrong there.
        why: String,
    },
    /// A Parquet file has something in it that is not read.
    #[error("[PE0891] cannot read {what} in {file} ({place}); {advice}")]
    UnreadParquet {
        /// The file.
        file: String,
        /// Where that was found.
        place: String,
        /// What it is.
        what: String,
        /// What to do about it.
        advice: &'static str,
    },
    /// A Parquet file would take more memory, or time, than any file is given.
    #[error(
        "[PE0892] {file} has {what} ({place}), more than is read; write it with smaller pages and \
         row groups, or as CSV"
    )]
    LargeParquet {
        /// The file.
        file: String,
        /// Where that was found.
        place: String,
        /// What is too large.
        what: String,
    },
    /// Parquet comes in a way in which it cannot be read from its end.
    #[error(
        "[PE0893] expected a file that can be read from its end, found Parquet in a pipe or packed: \
         {file}; save it as a file, and unpacked"
    )]
    StreamedParquet {
        /// The file.
        file: String,
    },
    /// What should be Parquet is something else.
    #[error(
        "[PE0894] expected Parquet, found a file that does not begin with the letters PAR1: {file}; \
         is it whole, and is it Parquet?"
    )]
    NoParquet {
        /// The file.
        file: String,
    },
    /// The file of rejects cannot be written.
    #[error("[PE0813] cannot write rejects to {file}: {why}")]
    Rejects {
        /// The file.
        file: String,
        /// What the operating system said, or what is there.
        why: String,
    },
    /// A thread that reads or checks rows ended early.
    #[error("[PE0814] a thread of the import ended early: {why}")]
    Thread {
        /// What is known of it.
        why: String,
    },
}

impl Error {
    pub(crate) fn header(file: &str, why: impl Into<String>) -> Self {
        Self::Header {
            file: file.to_owned(),
            why: why.into(),
        }
    }

    pub(crate) fn header_too_long(file: &str) -> Self {
        let why = format!(
            "it has more than {} KiB; is it text, and is the delimiter right?",
            HEADER_BYTES_MAX / 1024
        );
        Self::header(file, why)
    }
}

/// What the layers below a reader put into an [`io::Error`]: they know neither file nor line.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    #[error("{packing}: {why}")]
    Damaged { packing: &'static str, why: String },
    #[error("a bomb")]
    Bomb,
}

impl From<Trouble> for io::Error {
    fn from(trouble: Trouble) -> Self {
        Self::new(io::ErrorKind::InvalidData, trouble)
    }
}

/// The error that an [`io::Error`] from the layers below is, at this place.
pub(crate) fn at(file: &str, line: u64, why: io::Error) -> Error {
    let file = file.to_owned();
    match why.downcast::<Trouble>() {
        Ok(Trouble::Damaged { packing, why }) => Error::Damaged {
            file,
            line,
            packing,
            why,
        },
        Ok(Trouble::Bomb) => Error::Bomb { file, line },
        Err(why) => Error::Unreadable { file, why },
    }
}
