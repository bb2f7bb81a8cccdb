//! `#[derive(Domain)]`.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Attribute, DeriveInput, Error, Field, Ident, LitStr, Result, Type};

use crate::attribute::{self, Keys};
use crate::element;
use crate::errors::Errors;

const KEYS: Keys = Keys {
    attribute: "domain",
    accepted: &["name"],
};
const FIELD_KEYS: Keys = Keys {
    attribute: "domain",
    accepted: &["skip"],
};

/// A field that is a handler.
struct Part {
    ident: Ident,
    ty: Type,
}

/// The impls for a domain.
pub(crate) fn derive(input: DeriveInput) -> Result<TokenStream> {
    let mut errors = Errors::default();
    let name = errors.take(name(&input.attrs, &input.ident));
    errors.take(element::refuse_generics("a domain", &input.generics));
    let ident = input.ident;
    let fields = errors.take(element::named_fields("a domain", input.data, &ident));
    let parts = parts(fields.unwrap_or_default(), &mut errors);
    let name = errors.into_result(name)?;
    let has = parts.iter().map(|Part { ident: field, ty }| {
        quote! {
            #[automatically_derived]
            impl ::protean::domain::Has<#ty> for #ident {
                fn part(&self) -> &#ty {
                    &self.#field
                }
            }
        }
    });
    let registry = quote!(registry);
    let registrations = parts.iter().map(|Part { ty, .. }| {
        quote_spanned!(ty.span()=> <#ty as ::protean::domain::Part<Self>>::register(#registry);)
    });
    Ok(quote! {
        const _: () = {
            #(#has)*

            #[automatically_derived]
            impl ::protean::domain::Domain for #ident {
                const NAME: &'static str = #name;

                fn register(registry: &mut ::protean::domain::Registry<Self>) {
                    let _ = &registry;
                    #(#registrations)*
                }
            }
        };
    })
}

fn name(attributes: &[Attribute], ident: &Ident) -> Result<String> {
    let mut name = None;
    KEYS.read_all(attributes, |_, meta| {
        name = Some(attribute::value::<LitStr>(meta, "name = \"bookshelf\"")?);
        Ok(())
    })?;
    let missing = "a domain has a name; write `#[domain(name = \"bookshelf\")]` above it";
    let literal = name.ok_or_else(|| Error::new(ident.span(), missing))?;
    let name = literal.value();
    if is_legal(&name) {
        return Ok(name);
    }
    let message = format!(
        "expected lowercase words joined by `_` or `-`, as in \"bookshelf\" or \"book-shop\", \
         found \"{name}\""
    );
    Err(Error::new_spanned(literal, message))
}

/// Whether a name is made of lowercase words, each of which starts with a letter.
fn is_legal(name: &str) -> bool {
    name.split(['_', '-']).all(|word| {
        word.starts_with(|first: char| first.is_ascii_lowercase())
            && word
                .chars()
                .all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit())
    })
}

fn parts(fields: Vec<Field>, errors: &mut Errors) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for field in fields {
        let mut skipped = false;
        errors.take(FIELD_KEYS.read_all(&field.attrs, |key, meta| {
            skipped = true;
            attribute::flag(meta, key)
        }));
        let Some(ident) = field.ident.filter(|_| !skipped) else {
            continue;
        };
        let written = field.ty.to_token_stream().to_string();
        let known = parts
            .iter()
            .find(|known| known.ty.to_token_stream().to_string() == written);
        if let Some(known) = known {
            let message = format!(
                "the field `{}` is of this type already; a domain has each handler once",
                known.ident
            );
            errors.push(Error::new_spanned(&field.ty, message));
        }
        parts.push(Part {
            ident,
            ty: field.ty,
        });
    }
    parts
}
