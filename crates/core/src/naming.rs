//! The names of streams, tables and message types, all derived from the names in the code.

/// `OrderSummary` → `order_summary`, the name of a table and of an aggregate's stream.
///
/// ```
/// assert_eq!(protean_core::naming::snake_case("BookCatalog"), "book_catalog");
/// assert_eq!(protean_core::naming::snake_case("ISBNEntry"), "isbn_entry");
/// ```
#[must_use]
pub fn snake_case(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let mut snake = String::with_capacity(name.len() + 4);
    for (at, letter) in letters.iter().enumerate() {
        let before = at.checked_sub(1).map(|at| letters[at]);
        let starts_word = letter.is_uppercase()
            && before.is_some_and(|before| {
                before != '_'
                    && (!before.is_uppercase()
                        || letters
                            .get(at + 1)
                            .is_some_and(|after| after.is_lowercase()))
            });
        if starts_word {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}

/// `book_shop` or `book-shop` → `BookShop`, the first part of a message type.
///
/// ```
/// assert_eq!(protean_core::naming::camel_case("bookshelf"), "Bookshelf");
/// ```
#[must_use]
pub fn camel_case(name: &str) -> String {
    let mut camel = String::with_capacity(name.len());
    for word in name.split(['_', '-', ' ']) {
        let mut letters = word.chars();
        camel.extend(letters.next().into_iter().flat_map(char::to_uppercase));
        camel.push_str(letters.as_str());
    }
    camel
}

/// The stream of an aggregate's events: `bookshelf::book`.
#[must_use]
pub fn event_stream(domain: &str, aggregate: &str) -> String {
    format!("{domain}::{aggregate}")
}

/// The stream of an aggregate's commands: `bookshelf::book:command`.
#[must_use]
pub fn command_stream(domain: &str, aggregate: &str) -> String {
    format!("{domain}::{aggregate}:command")
}

/// The stream on which the messages that a subscription gave up are kept: `{stream}:dlq`, or
/// `{stream}:{suffix}:dlq` for the backfill lane.
#[must_use]
pub fn dead_letter_stream(stream: &str, backfill_suffix: Option<&str>) -> String {
    match backfill_suffix {
        Some(suffix) => format!("{stream}:{suffix}:dlq"),
        None => format!("{stream}:dlq"),
    }
}

/// `bookshelf::book-0190…` is the stream `bookshelf::book` and the key `0190…`.
#[must_use]
pub fn split_entity(stream: &str) -> Option<(&str, &str)> {
    let (domain, rest) = stream.split_once("::")?;
    let (name, key) = rest.split_once('-')?;
    Some((&stream[..domain.len() + 2 + name.len()], key))
}

/// The type of a message: `Bookshelf.AddBook.v1`.
#[must_use]
pub fn message_type(domain: &str, name: &str, version: u32) -> String {
    format!("{}.{name}.v{version}", camel_case(domain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_contract() {
        assert_eq!(event_stream("bookshelf", "book"), "bookshelf::book");
        assert_eq!(
            command_stream("bookshelf", "book"),
            "bookshelf::book:command"
        );
        assert_eq!(
            message_type("bookshelf", "AddBook", 1),
            "Bookshelf.AddBook.v1"
        );
        assert_eq!(
            dead_letter_stream("bookshelf::book", None),
            "bookshelf::book:dlq"
        );
        assert_eq!(
            dead_letter_stream("bookshelf::book", Some("backfill")),
            "bookshelf::book:backfill:dlq"
        );
    }

    #[test]
    fn snake_case_keeps_words_apart() {
        for (name, expected) in [
            ("Book", "book"),
            ("OrderSummary", "order_summary"),
            ("HTTPCall", "http_call"),
            ("Version2Entry", "version2_entry"),
            ("already_snake", "already_snake"),
            ("", ""),
        ] {
            assert_eq!(snake_case(name), expected);
        }
    }

    #[test]
    fn an_entity_stream_is_told_from_a_stream() {
        assert_eq!(
            split_entity("shop::book-0190-7d3c"),
            Some(("shop::book", "0190-7d3c"))
        );
        assert_eq!(
            split_entity("shop::book:command-7"),
            Some(("shop::book:command", "7"))
        );
        assert_eq!(split_entity("shop::book"), None);
        assert_eq!(split_entity("my-shop::book"), None);
        assert_eq!(split_entity("nonsense-7"), None);
    }
}
