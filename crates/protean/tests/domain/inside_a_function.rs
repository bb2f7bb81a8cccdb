//! A whole domain inside a function, and a handler made for that domain only.

use protean::domain::Registry;
use protean::prelude::*;

#[test]
fn a_domain_may_be_inside_a_function() {
    protean::id! {
        struct BookId;
    }

    #[derive(Clone, Aggregate)]
    struct Book {
        #[id]
        id: BookId,
    }

    #[derive(Command)]
    #[command(of = Book, reply = BookId)]
    struct AddBook {}

    struct BookCommandHandler;

    #[command_handler(domain = Bookshelf)]
    impl BookCommandHandler {
        #[handle]
        async fn add(&self, _: AddBook, unit: &mut Unit<'_>) -> Result<BookId, Failure> {
            unit.add(Root::new(Book { id: BookId::new() })?)
        }

        #[cfg(any())]
        #[handle]
        async fn left_out(&self, _: NoSuchCommand, _: &mut Unit<'_>) -> Result<(), Failure> {
            Ok(())
        }
    }

    #[derive(Domain)]
    #[domain(name = "bookshelf")]
    struct Bookshelf {
        books: BookCommandHandler,
    }

    let registry = Registry::<Bookshelf>::of();
    assert_eq!(registry.subscriptions()[0].name, "BookCommandHandler");
    let _ = Bookshelf {
        books: BookCommandHandler,
    };
}
