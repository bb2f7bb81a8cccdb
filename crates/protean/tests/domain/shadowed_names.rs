//! Names of the application that are also names of the standard library or of the macros' output.

#![deny(missing_docs, unused, clippy::all)]

use protean::domain::{EventSet as _, Payload as _};
use protean::prelude::{Aggregate, Command, Domain, Event, Unit, command_handler};

/// Hides the standard one.
pub type Result<T> = std::result::Result<T, protean::Failure>;

/// Hides the standard one.
pub type Option = u8;

#[allow(non_camel_case_types, dead_code)]
/// Hides the standard one.
pub struct Vec;

protean::id! {
    /// An identity.
    pub struct Id;
}

/// An aggregate.
#[derive(Clone, Aggregate)]
#[aggregate(events(Value, Visitor))]
pub struct Field {
    /// The identity.
    #[id]
    pub id: Id,
    /// A number.
    pub row: Option,
}

/// An event.
#[derive(Clone, Event)]
pub struct Value {
    /// A number.
    pub serializer: i64,
    /// A number.
    pub map: i64,
}

/// An event without fields.
#[derive(Clone, Event)]
pub struct Visitor;

/// A command.
#[derive(Command)]
#[command(of = Field)]
pub struct Key {
    /// An identity.
    #[id]
    pub id: Id,
    /// A number.
    #[field(default = 1 + 1)]
    pub keys: i64,
}

/// A handler.
pub struct Handler;

#[command_handler]
impl Handler {
    #[handle]
    async fn handle(&self, _: Key, _: &mut Unit<'_>) -> Result<()> {
        Ok(())
    }
}

/// A domain.
#[derive(Domain)]
#[domain(name = "shadows")]
pub struct Shadows {
    /// A handler.
    pub registry: Handler,
}

#[test]
fn names_of_the_standard_library_may_be_hidden() {
    assert_eq!(FieldEvent::from(Visitor).name(), "Visitor");
    assert_eq!(Value::SCHEMA.fields.len(), 2);
    let key = Key {
        id: Id::new(),
        keys: 3,
    };
    assert!(key.check().is_ok());
    let Shadows { registry: Handler } = Shadows { registry: Handler };
}
