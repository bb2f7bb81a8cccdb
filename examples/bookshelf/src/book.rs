//! Books: what the shop can sell.

use protean::prelude::*;

id! {
    /// The identity of a book.
    pub struct BookId;
}

/// A book that the shop can sell.
#[derive(Debug, Clone, Aggregate)]
#[aggregate(events(BookAdded, PriceChanged))]
pub struct Book {
    /// Its identity.
    #[id]
    pub id: BookId,
    /// Its title.
    #[field(max = 200)]
    pub title: String,
    /// Who wrote it.
    #[field(max = 150)]
    pub author: String,
    /// Its number in the world of books, if it has one.
    #[field(max = 13)]
    pub isbn: Option<String>,
    /// What it costs.
    #[field(min = 0)]
    pub price: Decimal,
    /// What it is about.
    pub description: Option<String>,
}

/// Asks for a book to be taken in.
#[derive(Debug, Clone, Command)]
#[command(of = Book, reply = BookId)]
pub struct AddBook {
    /// The identity it will have; a new one, where nobody says which.
    #[id]
    #[field(default = BookId::new())]
    pub book_id: BookId,
    /// Its title.
    #[field(max = 200)]
    pub title: String,
    /// Who wrote it.
    #[field(max = 150)]
    pub author: String,
    /// Its number in the world of books, if it has one.
    #[field(max = 13)]
    pub isbn: Option<String>,
    /// What it costs.
    #[field(min = 0)]
    pub price_amount: Decimal,
    /// What it is about.
    pub description: Option<String>,
}

/// A book was taken in.
#[derive(Debug, Clone, Event)]
pub struct BookAdded {
    /// Its identity.
    pub book_id: BookId,
    /// Its title.
    pub title: String,
    /// Who wrote it.
    pub author: String,
    /// Its number in the world of books, if it has one.
    pub isbn: Option<String>,
    /// What it costs.
    pub price: Decimal,
}

/// Asks for another price.
#[derive(Debug, Clone, Command)]
#[command(of = Book)]
pub struct ChangePrice {
    /// The book.
    #[id]
    pub book_id: BookId,
    /// What it costs from now on.
    #[field(min = 0)]
    pub price_amount: Decimal,
}

/// A book has another price.
#[derive(Debug, Clone, Event)]
pub struct PriceChanged {
    /// The book.
    pub book_id: BookId,
    /// What it costs from now on.
    pub price: Decimal,
}

/// What publishers put after a title that they have withdrawn: it must not be sold any more.
pub const WITHDRAWN_MARK: &str = "[withdrawn]";

/// Takes books in, and changes their prices.
#[derive(Debug)]
pub struct BookCommandHandler;

#[command_handler]
impl BookCommandHandler {
    #[handle]
    async fn add(&self, command: AddBook, unit: &mut Unit<'_>) -> Result<BookId, Failure> {
        if command.title.ends_with(WITHDRAWN_MARK) {
            let title = &command.title;
            return Err(Failure::refuse(format!(
                "\"{title}\" was withdrawn by its publisher and cannot be sold"
            )));
        }
        let mut book = Root::new(Book {
            id: command.book_id,
            title: command.title,
            author: command.author,
            isbn: command.isbn,
            price: command.price_amount,
            description: command.description,
        })?;
        let added = BookAdded {
            book_id: book.id,
            title: book.title.clone(),
            author: book.author.clone(),
            isbn: book.isbn.clone(),
            price: book.price,
        };
        book.raise(added);
        unit.add(book)
    }

    #[handle]
    async fn change_price(&self, command: ChangePrice, unit: &mut Unit<'_>) -> Result<(), Failure> {
        let mut book = unit.get::<Book>(&command.book_id).await?;
        book.price = command.price_amount;
        book.raise(PriceChanged {
            book_id: command.book_id,
            price: command.price_amount,
        });
        unit.add(book)?;
        Ok(())
    }
}
