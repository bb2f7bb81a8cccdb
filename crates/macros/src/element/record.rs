//! `Record`: what lives in a table.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{LitStr, Result};

use super::{Element, schema};
use crate::naming;

/// The items that make the element a record, to be put into one block.
pub(super) fn items(element: &Element, table: Option<&LitStr>) -> Result<TokenStream> {
    let id = element.required_id()?;
    let table = table.map_or_else(|| naming::snake_case(&element.name), LitStr::value);
    let statics = schema::statics(element, &table);
    let defaults = schema::defaults(element);
    let check = schema::check(element);
    let (ident, id_ident, id_ty) = (&element.ident, &id.ident, &id.ty);
    let values = element.fields.iter().map(|field| {
        let (ident, ty) = (&field.ident, field.as_field_type());
        quote!(#ty::to_value(&self.#ident))
    });
    let fields = from_row(element);
    Ok(quote! {
        #statics
        #defaults

        #[automatically_derived]
        impl ::protean::schema::Record for #ident {
            type Id = #id_ty;

            const SCHEMA: &'static ::protean::schema::Schema = &__SCHEMA;

            fn id(&self) -> &Self::Id {
                &self.#id_ident
            }

            fn to_row(&self) -> ::protean::schema::Row {
                ::std::vec![#(#values),*]
            }

            fn from_row(
                row: ::protean::schema::Row,
            ) -> ::core::result::Result<Self, ::protean::schema::Mismatch> {
                let mut values = ::core::iter::IntoIterator::into_iter(row);
                let mut next = || {
                    ::core::iter::Iterator::next(&mut values)
                        .unwrap_or(::protean::schema::Value::Null)
                };
                ::core::result::Result::Ok(Self { #fields })
            }

            #check
        }
    })
}

fn from_row(element: &Element) -> TokenStream {
    let fields = element.fields.iter().enumerate().map(|(at, field)| {
        let (ident, ty, name) = (&field.ident, field.as_field_type(), &field.name);
        let read = quote! {
            #ty::from_value(value)
                .map_err(|mismatch| mismatch.in_field(#name))?
        };
        if field.rules.default.is_none() {
            return quote!(#ident: { let value = next(); #read });
        }
        let default = schema::default_name(at);
        quote! {
            #ident: match next() {
                ::protean::schema::Value::Null => #default(),
                value => #read,
            }
        }
    });
    quote!(#(#fields),*)
}

/// The key `table = "…"` of an element, checked.
pub(super) fn table(meta: &syn::meta::ParseNestedMeta<'_>) -> Result<LitStr> {
    let literal: LitStr = crate::attribute::value(meta, "table = \"books\"")?;
    let name = literal.value();
    let starts_well = name.starts_with(|first: char| first.is_ascii_lowercase());
    let legal =
        |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
    if starts_well && name.chars().all(legal) {
        return Ok(literal);
    }
    let message = format!(
        "expected a table name of lowercase letters, digits and `_` that starts with a letter, \
         found \"{name}\""
    );
    Err(syn::Error::new_spanned(literal, message))
}
