//! The derives and attributes that an application writes on its domain.
//!
//! They are re-exported by the crate `protean`, to which their output refers: depend on that crate,
//! not on this one. Everything that they write can be written by hand as well, since the traits
//! under them are public.
//!
//! | on | write | for |
//! |---|---|---|
//! | a struct | [`derive(Aggregate)`](macro@Aggregate) | state with an identity, rules and events |
//! | a struct | [`derive(Command)`](macro@Command) | a request to change an aggregate |
//! | a struct | [`derive(Event)`](macro@Event) | a fact that an aggregate raises |
//! | a struct | [`derive(Projection)`](macro@Projection) | a row of a read model |
//! | an impl | [`#[command_handler]`](macro@command_handler) | what commands do |
//! | an impl | [`#[event_handler]`](macro@event_handler) | what follows from events |
//! | an impl | [`#[projector]`](macro@projector) | what events change in a projection |
//! | a struct | [`derive(Domain)`](macro@Domain) | the application, made of its handlers |
//!
//! # Fields
//! The fields of an element are of the types that implement `FieldType`: `String`, integers up to
//! 64 bits (without `u64`), `f64`, `bool`, `Decimal`, `Uuid`, `Timestamp`, typed ids, and an
//! `Option` of any of those. `#[id]` marks the identity. `#[field(…)]` takes:
//!
//! | key | on | meaning |
//! |---|---|---|
//! | `max = 200`, `min = 0` | text, numbers | the bounds of a number, or of the number of characters |
//! | `pattern = "[a-z]+"` | text | a regular expression that the whole text matches; it is compiled at build time |
//! | `choices("new", "used")` | text | the only texts allowed |
//! | `with = path` | any | `fn(&T) -> Result<(), String>`, called when the value is there; its message is reported with the others |
//! | `default`, `default = value` | any | what stands in for a missing key of a payload, or for nothing in a stored row |
//! | `scale = 2` | `Decimal` | the digits kept after the point |
//! | `unique`, `index` | aggregates, projections | no two rows have the same value; rows are looked up by it |
//!
//! Text that is neither optional nor has a default must not be empty. A rule that does not fit the
//! type of its field does not compile.

mod attribute;
mod domain;
mod element;
mod errors;
mod field;
mod handler;
mod naming;

use proc_macro::TokenStream;
use syn::{DeriveInput, Result, parse_macro_input};

type Derive = fn(DeriveInput) -> Result<proc_macro2::TokenStream>;

fn derive(input: DeriveInput, derive: Derive) -> TokenStream {
    derive(input)
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

/// Makes a struct an aggregate: state with an identity, rules and events.
///
/// `#[aggregate(…)]` takes, all of them optional:
/// - `events(A, B)`: the events that the aggregate raises. They become the variants of the enum
///   `{Name}Event`, which is generated next to the struct, as visible as the struct. An event
///   belongs to one aggregate.
/// - `invariants = path`: a `fn(&Self) -> Result<(), Invalid>` for the rules that hold between
///   fields; it is called when the rules of all fields hold.
/// - `table = "books"`: the table, and the aggregate's part of stream names; else the name of the
///   struct in snake case.
///
/// One field is marked `#[id]`. The struct is `Clone`. For `#[field(…)]` see the
/// [crate](crate#fields).
///
/// ```
/// use protean::domain::EventSet as _;
/// use protean::prelude::*;
///
/// protean::id! {
///     /// The identity of a book.
///     pub struct BookId;
/// }
///
/// /// A title the shop can sell.
/// #[derive(Debug, Clone, Aggregate)]
/// #[aggregate(events(BookAdded), invariants = Book::free_books_have_no_isbn)]
/// pub struct Book {
///     #[id]
///     pub id: BookId,
///     #[field(max = 200)]
///     pub title: String,
///     #[field(pattern = "[0-9]{13}", unique)]
///     pub isbn: Option<String>,
///     #[field(min = 0, scale = 2)]
///     pub price: Decimal,
/// }
///
/// /// A title was taken into the catalog.
/// #[derive(Clone, Event)]
/// pub struct BookAdded {
///     pub book_id: BookId,
/// }
///
/// impl Book {
///     fn free_books_have_no_isbn(&self) -> Result<(), Invalid> {
///         if self.price.is_zero() && self.isbn.is_some() {
///             return Err(Invalid::field("isbn", "must be absent from a free book"));
///         }
///         Ok(())
///     }
/// }
///
/// # fn main() -> Result<(), Invalid> {
/// let id = BookId::new();
/// let dune = Book { id, title: "Dune".to_owned(), isbn: None, price: Decimal::ONE };
/// let mut book = Root::new(dune.clone())?;
/// book.raise(BookAdded { book_id: id });
/// assert_eq!(book.events()[0].name(), "BookAdded");
///
/// let wrong = Book { title: String::new(), isbn: Some("ISBN".to_owned()), ..dune };
/// assert_eq!(
///     Root::new(wrong).unwrap_err().to_string(),
///     "[PE0101] isbn: must match [0-9]{13}, found \"ISBN\"; title: is required"
/// );
/// # Ok(())
/// # }
/// ```
#[proc_macro_derive(Aggregate, attributes(aggregate, id, field))]
pub fn derive_aggregate(input: TokenStream) -> TokenStream {
    derive(
        parse_macro_input!(input as DeriveInput),
        element::aggregate::derive,
    )
}

/// Makes a struct a command: a request to change one aggregate.
///
/// `#[command(…)]` takes:
/// - `of = Book`: the aggregate, on whose command stream the command travels. Required.
/// - `reply = BookId`: what its handler answers; else `()`.
/// - `version = 2`: the version in the message's type; else 1.
///
/// The value of the field marked `#[id]`, if there is one, is the command's key: commands with one
/// key are handled one at a time, in order (L8).
///
/// `Serialize` and `Deserialize` are written, too. The JSON has its keys in alphabetical order. A
/// missing key is an error, unless the field is optional or has a default; so are unknown keys and
/// repeated ones, and each error names the field. For `#[field(…)]` see the [crate](crate#fields).
///
/// ```
/// use protean::domain::{Command as _, Payload as _};
/// use protean::prelude::*;
/// # protean::id! { pub struct BookId; }
/// # #[derive(Clone, Aggregate)]
/// # pub struct Book { #[id] pub id: BookId }
///
/// /// Asks for a book's price to be changed.
/// #[derive(Command)]
/// #[command(of = Book)]
/// pub struct RepriceBook {
///     #[id]
///     pub book_id: BookId,
///     #[field(min = 0)]
///     pub price: Decimal,
///     #[field(max = 80, default = "unknown")]
///     pub reason: String,
/// }
///
/// let id = BookId::new();
/// let json = format!(r#"{{"price":"9.90","book_id":"{id}"}}"#);
/// let command: RepriceBook = serde_json::from_str(&json)?;
/// assert_eq!(command.reason, "unknown");
/// assert_eq!(command.key(), Some(id.to_string()));
/// assert!(command.check().is_ok());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[proc_macro_derive(Command, attributes(command, id, field))]
pub fn derive_command(input: TokenStream) -> TokenStream {
    derive(
        parse_macro_input!(input as DeriveInput),
        element::command::derive,
    )
}

/// Makes a struct an event: a fact that an aggregate raises.
///
/// `#[event(version = 2)]` sets the version in the message's type, which is 1 otherwise. The
/// aggregate lists the event in `#[aggregate(events(…))]`. The struct is `Clone`.
///
/// `Serialize` and `Deserialize` are written, too. The JSON has its keys in alphabetical order.
/// Unknown keys are passed over, so that a reader can be older than the writer. A missing key is
/// an error, unless the field is optional or has a default; a repeated one is an error. For
/// `#[field(…)]` see the [crate](crate#fields).
///
/// ```
/// use protean::prelude::*;
/// # protean::id! { pub struct BookId; }
///
/// /// A title was taken into the catalog.
/// #[derive(Clone, Event)]
/// pub struct BookAdded {
///     pub book_id: BookId,
///     pub author: Option<String>,
/// }
///
/// let id = BookId::new();
/// let json = serde_json::to_string(&BookAdded { book_id: id, author: None })?;
/// assert_eq!(json, format!(r#"{{"author":null,"book_id":"{id}"}}"#));
///
/// let newer = format!(r#"{{"book_id":"{id}","shelf":7}}"#);
/// assert_eq!(serde_json::from_str::<BookAdded>(&newer)?.book_id, id);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[proc_macro_derive(Event, attributes(event, id, field))]
pub fn derive_event(input: TokenStream) -> TokenStream {
    derive(
        parse_macro_input!(input as DeriveInput),
        element::event::derive,
    )
}

/// Makes a struct a projection: a row of a read model.
///
/// `#[projection(table = "catalog")]` sets the table, which is the name of the struct in snake case
/// otherwise. One field is marked `#[id]`. The struct is `Clone`. For `#[field(…)]` see the
/// [crate](crate#fields).
///
/// ```
/// use protean::prelude::*;
/// use protean::schema::Record as _;
/// # protean::id! { pub struct BookId; }
///
/// /// One row of the public catalog.
/// #[derive(Clone, Projection)]
/// pub struct BookCatalog {
///     #[id]
///     pub book_id: BookId,
///     pub title: String,
///     #[field(index)]
///     pub author: String,
/// }
///
/// assert_eq!(BookCatalog::SCHEMA.table, "book_catalog");
/// assert_eq!(BookCatalog::SCHEMA.doc, "One row of the public catalog.");
/// ```
#[proc_macro_derive(Projection, attributes(projection, id, field))]
pub fn derive_projection(input: TokenStream) -> TokenStream {
    derive(
        parse_macro_input!(input as DeriveInput),
        element::projection::derive,
    )
}

/// Makes a struct a domain: the application, made of its handlers.
///
/// `#[domain(name = "bookshelf")]` is required: lowercase words joined by `_` or `-`. Each field is
/// a handler, of a type of its own; its subscriptions are the domain's, in the order of the fields.
/// A field that is something else is marked `#[domain(skip)]`.
///
/// ```
/// use protean::domain::Registry;
/// use protean::prelude::*;
/// # protean::id! { pub struct BookId; }
/// # #[derive(Clone, Aggregate)]
/// # pub struct Book { #[id] pub id: BookId }
/// # #[derive(Command)]
/// # #[command(of = Book, reply = BookId)]
/// # pub struct AddBook {}
/// # pub struct BookCommandHandler;
/// # #[command_handler]
/// # impl BookCommandHandler {
/// #     #[handle]
/// #     async fn add(&self, _: AddBook, unit: &mut Unit<'_>) -> Result<BookId, Failure> {
/// #         unit.add(Root::new(Book { id: BookId::new() })?)
/// #     }
/// # }
///
/// /// The bookstore.
/// #[derive(Domain)]
/// #[domain(name = "bookshelf")]
/// pub struct Bookshelf {
///     pub books: BookCommandHandler,
///     #[domain(skip)]
///     pub opened_at: Timestamp,
/// }
///
/// let registry = Registry::<Bookshelf>::of();
/// let subscription = &registry.subscriptions()[0];
/// assert_eq!(subscription.name, "BookCommandHandler");
/// assert_eq!(&*subscription.stream, "bookshelf::book:command");
/// ```
#[proc_macro_derive(Domain, attributes(domain))]
pub fn derive_domain(input: TokenStream) -> TokenStream {
    derive(parse_macro_input!(input as DeriveInput), domain::derive)
}

/// Makes the methods of an impl that are marked `#[handle]` take commands.
///
/// Such a method is `async fn name(&self, command: C, unit: &mut Unit<'_>) -> Result<R, Failure>`,
/// where `R` is the command's reply. What it stages in the unit commits together with the
/// command's acknowledgement (L9). Its future is `Send`. The other methods stay what they are.
///
/// A command has one handler in a domain, and a handler has one impl with this attribute. If the
/// commands come from another crate, name the domain: `#[command_handler(domain = Bookshelf)]`.
///
/// ```
/// use protean::prelude::*;
/// # protean::id! { pub struct BookId; }
/// # #[derive(Clone, Aggregate)]
/// # pub struct Book { #[id] pub id: BookId, pub title: String }
/// # #[derive(Command)]
/// # #[command(of = Book, reply = BookId)]
/// # pub struct AddBook { pub title: String }
///
/// /// Takes books into the catalog. Its fields are what it depends on.
/// pub struct BookCommandHandler {
///     publisher: String,
/// }
///
/// #[command_handler]
/// impl BookCommandHandler {
///     #[handle]
///     async fn add(&self, command: AddBook, unit: &mut Unit<'_>) -> Result<BookId, Failure> {
///         let title = self.full_title(&command.title);
///         unit.add(Root::new(Book { id: BookId::new(), title })?)
///     }
///
///     fn full_title(&self, title: &str) -> String {
///         format!("{title} ({})", self.publisher)
///     }
/// }
/// # fn main() {}
/// ```
#[proc_macro_attribute]
pub fn command_handler(arguments: TokenStream, item: TokenStream) -> TokenStream {
    handler::command::attribute(arguments.into(), &item.into()).into()
}

/// Makes the methods of an impl that are marked `#[on]` react to events.
///
/// Such a method is `async fn name(&self, event: E, unit: &mut Unit<'_>) -> Result<(), Failure>`.
/// What it stages in the unit commits together with the event's acknowledgement (L9), and inherits
/// the event's priority. Its future is `Send`. The other methods stay what they are.
///
/// An event may be taken by a method marked `#[on_many]` instead, where one call for many is worth
/// it, as with a service outside:
/// `async fn name(&self, events: Vec<E>, units: &mut Units<'_>) -> Result<(), Failure>`. On the
/// backfill lane it is given as many events as wait one after another, up to 64, in order (L8); in
/// every other case one. What it stages through `units.of(nth)` is on behalf of the nth event, and
/// all of it commits with the acknowledgements of all of them, or not at all (L9). When it fails
/// with several, each is given to it again alone, so that one that cannot be handled costs only
/// itself (L10).
///
/// ```
/// use protean::prelude::*;
/// # protean::id! { pub struct OrderId; }
/// # #[derive(Clone, Aggregate)]
/// # #[aggregate(events(OrderPlaced))]
/// # pub struct Order { #[id] pub id: OrderId }
/// # #[derive(Clone, Event)]
/// # pub struct OrderPlaced { pub order_id: OrderId }
/// # #[derive(Command)]
/// # #[command(of = Order)]
/// # pub struct ReserveStock { #[id] pub order_id: OrderId }
///
/// /// Keeps books back for orders.
/// pub struct Warehouse;
///
/// #[event_handler]
/// impl Warehouse {
///     #[on]
///     async fn placed(&self, event: OrderPlaced, unit: &mut Unit<'_>) -> Result<(), Failure> {
///         unit.process(&ReserveStock { order_id: event.order_id })
///     }
/// }
///
/// /// The same for many orders at once.
/// pub struct BulkWarehouse;
///
/// #[event_handler]
/// impl BulkWarehouse {
///     #[on_many]
///     async fn placed(
///         &self,
///         events: Vec<OrderPlaced>,
///         units: &mut Units<'_>,
///     ) -> Result<(), Failure> {
///         for (nth, event) in events.into_iter().enumerate() {
///             units.of(nth).process(&ReserveStock { order_id: event.order_id })?;
///         }
///         Ok(())
///     }
/// }
/// # fn main() {}
/// ```
#[proc_macro_attribute]
pub fn event_handler(arguments: TokenStream, item: TokenStream) -> TokenStream {
    handler::event::attribute(arguments.into(), &item.into()).into()
}

/// Makes the methods of an impl that are marked `#[on]` keep a projection up to date.
///
/// `#[projector(into = BookCatalog)]` names the projection. Such a method is
/// `async fn name(&self, event: E, rows: &mut Rows<'_, BookCatalog>) -> Result<(), Failure>`. What
/// it stages commits together with the event's acknowledgement (L9). Its future is `Send`. The
/// other methods stay what they are. When nothing is before the event it may be called before that
/// is committed, so that both commit together: it stages rows, and does nothing else.
///
/// A method marked `#[on_many]` takes many at once, as those of an
/// [`event_handler`](macro@event_handler) do:
/// `async fn name(&self, events: Vec<E>, rows: &mut Rows<'_, BookCatalog>) -> Result<(), Failure>`.
///
/// ```
/// use protean::prelude::*;
/// # protean::id! { pub struct BookId; }
/// # #[derive(Clone, Aggregate)]
/// # #[aggregate(events(BookAdded, BookRenamed))]
/// # pub struct Book { #[id] pub id: BookId }
/// # #[derive(Clone, Event)]
/// # pub struct BookAdded { pub book_id: BookId, pub title: String }
/// # #[derive(Clone, Event)]
/// # pub struct BookRenamed { pub book_id: BookId, pub title: String }
/// # #[derive(Clone, Projection)]
/// # pub struct BookCatalog { #[id] pub book_id: BookId, pub title: String }
///
/// /// Writes the public catalog.
/// pub struct BookCatalogProjector;
///
/// #[projector(into = BookCatalog)]
/// impl BookCatalogProjector {
///     #[on]
///     async fn added(
///         &self,
///         event: BookAdded,
///         rows: &mut Rows<'_, BookCatalog>,
///     ) -> Result<(), Failure> {
///         rows.put(BookCatalog { book_id: event.book_id, title: event.title }).await
///     }
///
///     #[on]
///     async fn renamed(
///         &self,
///         event: BookRenamed,
///         rows: &mut Rows<'_, BookCatalog>,
///     ) -> Result<(), Failure> {
///         rows.update(event.book_id, |row| row.title = event.title).await
///     }
/// }
/// # fn main() {}
/// ```
#[proc_macro_attribute]
pub fn projector(arguments: TokenStream, item: TokenStream) -> TokenStream {
    handler::projector::attribute(arguments.into(), &item.into()).into()
}
