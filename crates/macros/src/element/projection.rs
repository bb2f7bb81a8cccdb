//! `#[derive(Projection)]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{DeriveInput, Result};

use super::{Element, record};
use crate::attribute::Keys;
use crate::errors::Errors;
use crate::field::Owner;

const KEYS: Keys = Keys {
    attribute: "projection",
    accepted: &["table"],
};

/// The impls for a projection.
pub(crate) fn derive(input: DeriveInput) -> Result<TokenStream> {
    let mut errors = Errors::default();
    let mut table = None;
    errors.take(KEYS.read_all(&input.attrs, |_, meta| {
        table = Some(record::table(meta)?);
        Ok(())
    }));
    let element = errors.take(Element::parse(Owner::Projection, input));
    let record = element
        .as_ref()
        .and_then(|element| errors.take(record::items(element, table.as_ref())));
    let (element, record) = errors.into_result(element.zip(record))?;
    let ident = &element.ident;
    Ok(quote! {
        const _: () = {
            #record

            #[automatically_derived]
            impl ::protean::domain::Projection for #ident {}
        };
    })
}
