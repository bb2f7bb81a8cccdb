//! The fields of an element: what is written above each, checked.

mod fit;
mod rules;
mod shape;

pub(crate) use fit::Unproven;
pub(crate) use rules::{Default, Rules};
pub(crate) use shape::Shape;

use proc_macro2::{Span, TokenStream};
use quote::quote_spanned;
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Ident, Result, Type};

use crate::attribute;
use crate::errors::Errors;

/// What the element that a field belongs to is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    Aggregate,
    Command,
    Event,
    Projection,
}

impl Owner {
    /// The owner with its article, for messages.
    pub(crate) const fn described(self) -> &'static str {
        match self {
            Self::Aggregate => "an aggregate",
            Self::Command => "a command",
            Self::Event => "an event",
            Self::Projection => "a projection",
        }
    }

    /// Whether it lives in a table.
    pub(crate) const fn is_record(self) -> bool {
        matches!(self, Self::Aggregate | Self::Projection)
    }
}

/// One field of an element.
pub(crate) struct Field {
    /// The field in the code.
    pub(crate) ident: Ident,
    /// Its name in JSON and in its table.
    pub(crate) name: String,
    /// Its type.
    pub(crate) ty: Type,
    /// What its type says about the rules that fit.
    pub(crate) shape: Shape,
    /// Where `#[id]` stands, on the identity.
    pub(crate) id: Option<Span>,
    /// What `#[field(…)]` says.
    pub(crate) rules: Rules,
    /// The words above it.
    pub(crate) doc: String,
}

impl Field {
    /// The field's type as a `FieldType`. Stands where the type does, so that a type that is none is
    /// told there.
    pub(crate) fn as_field_type(&self) -> TokenStream {
        let ty = &self.ty;
        quote_spanned!(ty.span()=> <#ty as ::protean::schema::FieldType>)
    }

    /// Reads one field of an element.
    pub(crate) fn parse(owner: Owner, field: syn::Field, ident: Ident) -> Result<Self> {
        let mut errors = Errors::default();
        let shape = Shape::of(&field.ty);
        let id = errors.take(attribute::marker(&field.attrs, "id")).flatten();
        let rules = errors.take(Rules::parse(&field.attrs)).unwrap_or_default();
        errors.take(fit::check(owner, &shape, id, &rules));
        errors.finish()?;
        let name = ident.unraw().to_string();
        let doc = attribute::doc(&field.attrs);
        Ok(Self {
            name,
            ident,
            ty: field.ty,
            shape,
            id,
            rules,
            doc,
        })
    }
}
