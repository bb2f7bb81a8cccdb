//! `#[derive(Event)]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::meta::ParseNestedMeta;
use syn::{DeriveInput, Error, LitInt, Result};

use super::{Element, payload};
use crate::attribute::{self, Keys};
use crate::errors::Errors;
use crate::field::Owner;

const KEYS: Keys = Keys {
    attribute: "event",
    accepted: &["version"],
};

/// The impls for an event.
pub(crate) fn derive(input: DeriveInput) -> Result<TokenStream> {
    let mut errors = Errors::default();
    let mut declared = 1;
    errors.take(KEYS.read_all(&input.attrs, |_, meta| {
        declared = version(meta)?;
        Ok(())
    }));
    let element = errors.take(Element::parse(Owner::Event, input));
    let element = errors.into_result(element)?;
    let payload = payload::items(&element, declared);
    let ident = &element.ident;
    Ok(quote! {
        const _: () = {
            #payload

            #[automatically_derived]
            impl ::protean::domain::Event for #ident {}
        };
    })
}

/// The key `version = 2` of a payload, checked.
pub(super) fn version(meta: &ParseNestedMeta<'_>) -> Result<u32> {
    let literal: LitInt = attribute::value(meta, "version = 2")?;
    match literal.base10_parse()? {
        0 => Err(Error::new_spanned(
            literal,
            "versions count from 1, found 0",
        )),
        version => Ok(version),
    }
}
