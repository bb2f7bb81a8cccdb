//! One row of a catalog: what it says, and whether that is a book.

use csv::StringRecord;
use protean::prelude::Decimal;
use sha2::{Digest, Sha256};

use crate::book::{AddBook, BookId};

/// What stands between the fields that a key is made of; no text of a catalog has it.
const SEPARATOR: [u8; 1] = [0x1f];

/// How many bytes of the digest are kept: too many for two rows to meet by chance.
const KEY_BYTES: usize = 16;

/// The character that some programs write before the first column's name.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// A row that reads as a book.
#[derive(Debug, Clone)]
pub struct Row {
    /// The line of the file it starts on, from 1.
    pub line: u64,
    /// The command that takes the book in.
    pub command: AddBook,
    /// The same for every row that says the same.
    pub idempotency_key: String,
}

/// A row that was not imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// The line of the file it starts on, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub reason: String,
}

/// Where the columns are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Columns {
    title: usize,
    author: usize,
    isbn: usize,
    price: usize,
}

impl Columns {
    /// The places of the columns that these headers name, or the name of one that is missing.
    pub(super) fn of(headers: &StringRecord) -> Result<Self, &'static str> {
        let find = |column: &'static str| {
            let is_it = |name: &str| {
                let name = name.trim_start_matches(BYTE_ORDER_MARK).trim();
                name.eq_ignore_ascii_case(column)
            };
            headers.iter().position(is_it).ok_or(column)
        };
        Ok(Self {
            title: find("title")?,
            author: find("author")?,
            isbn: find("isbn")?,
            price: find("price")?,
        })
    }
}

/// The book that a record describes. The rules of its fields are the command's own to check.
pub(super) fn read(record: &StringRecord, columns: &Columns, line: u64) -> Result<Row, Rejection> {
    let field = |column: usize| record.get(column).unwrap_or_default().trim();
    let (title, author) = (field(columns.title), field(columns.author));
    let (isbn, price) = (field(columns.isbn), field(columns.price));
    let price: Decimal = price.parse().map_err(|_| Rejection {
        line,
        reason: format!("price: expected a number such as 9.99, found \"{price}\""),
    })?;
    let command = AddBook {
        book_id: BookId::new(),
        title: title.to_owned(),
        author: author.to_owned(),
        isbn: (!isbn.is_empty()).then(|| isbn.to_owned()),
        price_amount: price,
        description: None,
    };
    let idempotency_key = key(&command);
    Ok(Row {
        line,
        command,
        idempotency_key,
    })
}

/// A digest of what the row says; `9.9` and `9.90` are one price.
fn key(command: &AddBook) -> String {
    let price = command.price_amount.normalize().to_string();
    let fields = [
        command.title.as_str(),
        command.author.as_str(),
        command.isbn.as_deref().unwrap_or_default(),
        price.as_str(),
    ];
    let mut digest = Sha256::new();
    for field in fields {
        digest.update(field);
        digest.update(SEPARATOR);
    }
    let digest = digest.finalize();
    let mut key = String::with_capacity(2 * KEY_BYTES);
    for byte in &digest[..KEY_BYTES] {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        key.push(char::from(DIGITS[usize::from(byte >> 4)]));
        key.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(names: &[&str]) -> Result<Columns, &'static str> {
        Columns::of(&StringRecord::from(names.to_vec()))
    }

    fn read_row(fields: [&str; 4]) -> Result<Row, Rejection> {
        let columns = columns(&["title", "author", "isbn", "price"]).unwrap();
        read(&StringRecord::from(fields.to_vec()), &columns, 7)
    }

    #[test]
    fn columns_are_found_in_any_order() {
        let found = columns(&["\u{feff}Price", "format", " title ", "isbn", "AUTHOR"]).unwrap();
        assert_eq!(
            (found.price, found.title, found.isbn, found.author),
            (0, 2, 3, 4)
        );
        assert_eq!(columns(&["title", "isbn", "price"]).unwrap_err(), "author");
    }

    #[test]
    fn a_price_that_is_no_number_is_told() {
        for price in ["", "cheap", "9,99", "NaN", "1e400"] {
            let rejection = read_row(["Dune", "Herbert", "", price]).unwrap_err();
            let reason = format!("price: expected a number such as 9.99, found \"{price}\"");
            assert_eq!(rejection, Rejection { line: 7, reason });
        }
    }

    #[test]
    fn rows_that_say_the_same_have_one_key() {
        let key = |fields| read_row(fields).unwrap().idempotency_key;
        let first = key(["Dune", "Herbert", "", "9.90"]);
        assert_eq!(first, key([" Dune", "Herbert ", "", "9.9"]));
        assert_ne!(first, key(["Dune", "Herbert", "", "9.91"]));
        assert_ne!(first, key(["Dun", "eHerbert", "", "9.90"]));
        assert_eq!(first.len(), 32);
    }
}
