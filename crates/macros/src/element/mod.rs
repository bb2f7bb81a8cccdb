//! The elements of a domain: aggregates, commands, events and projections.

pub(crate) mod aggregate;
pub(crate) mod command;
pub(crate) mod event;
mod payload;
pub(crate) mod projection;
mod record;
mod schema;

use proc_macro2::{Ident, TokenStream};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::{Data, DataStruct, DeriveInput, Error, Fields, Generics, Result, Visibility};

use crate::attribute;
use crate::errors::Errors;
use crate::field::{Field, Owner};

/// A struct that is an element of a domain.
pub(crate) struct Element {
    /// What it is.
    pub(crate) owner: Owner,
    /// Its name in the code.
    pub(crate) ident: Ident,
    /// Its name in messages.
    pub(crate) name: String,
    /// Who sees it.
    pub(crate) vis: Visibility,
    /// Its fields.
    pub(crate) fields: Vec<Field>,
    /// The words above it.
    pub(crate) doc: String,
}

impl Element {
    /// Reads the struct under a derive.
    pub(crate) fn parse(owner: Owner, input: DeriveInput) -> Result<Self> {
        let mut errors = Errors::default();
        let what = owner.described();
        errors.take(refuse_generics(what, &input.generics));
        let fields = errors
            .take(named_fields(what, input.data, &input.ident))
            .unwrap_or_default();
        let parsed = fields.into_iter().filter_map(|field| {
            let ident = field.ident.clone()?;
            errors.take(Field::parse(owner, field, ident))
        });
        let fields: Vec<Field> = parsed.collect();
        errors.take(refuse_second_id(what, &fields));
        errors.finish()?;
        let name = input.ident.unraw().to_string();
        let doc = attribute::doc(&input.attrs);
        Ok(Self {
            owner,
            ident: input.ident,
            name,
            vis: input.vis,
            fields,
            doc,
        })
    }

    /// The field marked `#[id]`.
    pub(crate) fn id(&self) -> Option<&Field> {
        self.fields.iter().find(|field| field.id.is_some())
    }

    /// The field marked `#[id]`, without which the element cannot be.
    pub(crate) fn required_id(&self) -> Result<&Field> {
        self.id().ok_or_else(|| {
            let what = self.owner.described();
            let message = format!(
                "{what} needs an identity; write `#[id]` above the field that tells one `{}` from \
                 another",
                self.name
            );
            Error::new(self.ident.span(), message)
        })
    }
}

/// Refuses type parameters and lifetimes, which no stored name could tell apart.
pub(crate) fn refuse_generics(what: &str, generics: &Generics) -> Result<()> {
    if generics.params.is_empty() {
        return Ok(());
    }
    let message = format!(
        "{what} has one fixed shape; remove the generics, and let its fields own what they hold"
    );
    Err(Error::new_spanned(generics, message))
}

/// The fields of a struct with named fields, or with none.
pub(crate) fn named_fields(what: &str, data: Data, ident: &Ident) -> Result<Vec<syn::Field>> {
    let (wrong, found): (TokenStream, _) = match data {
        Data::Struct(DataStruct {
            fields: Fields::Named(fields),
            ..
        }) => {
            return Ok(fields.named.into_iter().collect());
        }
        Data::Struct(DataStruct {
            fields: Fields::Unit,
            ..
        }) => return Ok(Vec::new()),
        Data::Struct(found) => (found.fields.into_token_stream(), "a tuple struct"),
        Data::Enum(found) => (found.enum_token.into_token_stream(), "an enum"),
        Data::Union(found) => (found.union_token.into_token_stream(), "a union"),
    };
    let message = format!(
        "{what} is a struct with named fields, found {found}; write `struct {ident} {{ name: Type }}`"
    );
    Err(Error::new_spanned(wrong, message))
}

fn refuse_second_id(what: &str, fields: &[Field]) -> Result<()> {
    let mut errors = Errors::default();
    let mut marked = fields.iter().filter_map(|field| Some((field.id?, field)));
    if let Some((_, first)) = marked.next() {
        for (span, _) in marked {
            let message = format!(
                "{what} has one identity, and `{}` is marked `#[id]` already; keep one of the two",
                first.name
            );
            errors.push(Error::new(span, message));
        }
    }
    errors.finish()
}
