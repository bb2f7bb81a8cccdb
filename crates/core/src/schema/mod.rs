//! The neutral description of an element's fields.
//!
//! One schema per element feeds the rules that are checked, the table that is created and the
//! mapping of imported columns, so that none of them can disagree with another.

mod field_type;
mod invalid;
#[doc(hidden)]
pub mod payload;
mod rules;
mod value;

pub use field_type::{FieldType, Measure, Mismatch};
pub use invalid::Invalid;
pub use rules::{Limit, Pattern, Rules};
pub use value::{Row, Value};

/// What an element is in the domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    /// A cluster of state with an identity and rules.
    Aggregate,
    /// A request to change something.
    Command,
    /// A fact that happened.
    Event,
    /// A row of a read model.
    Projection,
}

/// The kind of a field's values, which each adapter maps to a column type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text of any length.
    Text,
    /// A 64-bit whole number.
    Integer,
    /// A 64-bit floating point number.
    Float,
    /// True or false.
    Boolean,
    /// An exact decimal number, as money is.
    Decimal,
    /// A UUID.
    Uuid,
    /// A moment, in microseconds since the Unix epoch, UTC.
    Timestamp,
    /// A JSON document.
    Json,
}

/// One field of an element.
#[derive(Debug)]
pub struct Field {
    /// The field's name, which is also its column and its key in JSON.
    pub name: &'static str,
    /// The kind of its values.
    pub kind: Kind,
    /// Whether it may be absent.
    pub optional: bool,
    /// Whether it is the element's identity.
    pub identifier: bool,
    /// Whether no two rows may have the same value.
    pub unique: bool,
    /// Whether rows are looked up by it.
    pub indexed: bool,
    /// Whether a default stands in when it is missing.
    pub defaulted: bool,
    /// The digits kept after the decimal point, for [`Kind::Decimal`].
    pub scale: Option<u32>,
    /// The rules its values obey.
    pub rules: Rules,
    /// The words written above the field.
    pub doc: &'static str,
}

/// The fields of one element, in the order of the code.
#[derive(Debug)]
pub struct Schema {
    /// What the element is.
    pub element: Element,
    /// The element's name: `BookCatalog`.
    pub name: &'static str,
    /// The element's name in snake case: `book_catalog`, which is also its table.
    pub table: &'static str,
    /// The fields.
    pub fields: &'static [Field],
    /// The words written above the element.
    pub doc: &'static str,
}

/// Two schemas are the same when they describe the same element.
impl PartialEq for Schema {
    fn eq(&self, other: &Self) -> bool {
        self.element == other.element && self.name == other.name
    }
}

impl Schema {
    /// The field with this name and its index in a [`Row`].
    #[must_use]
    pub fn field(&self, name: &str) -> Option<(usize, &'static Field)> {
        self.fields
            .iter()
            .enumerate()
            .find(|(_, field)| field.name == name)
    }

    /// The index of the identifier in a [`Row`], if the element has one.
    #[must_use]
    pub fn identifier(&self) -> Option<usize> {
        self.fields.iter().position(|field| field.identifier)
    }
}

/// A value that lives in a table: an aggregate or a row of a projection.
///
/// Derived by `Aggregate` and `Projection`.
pub trait Record: Clone + Send + Sync + 'static {
    /// The type of the identifier.
    type Id: FieldType + Clone;

    /// The description of the fields.
    const SCHEMA: &'static Schema;

    /// The identity of this value.
    fn id(&self) -> &Self::Id;

    /// The values of the fields, in the schema's order.
    fn to_row(&self) -> Row;

    /// The value that a row holds.
    ///
    /// # Errors
    /// When a stored value is not of its field's type.
    fn from_row(row: Row) -> Result<Self, Mismatch>;

    /// Checks the rules of every field, and reports all violations together.
    ///
    /// # Errors
    /// The violations, field by field.
    fn check(&self) -> Result<(), Invalid>;
}
