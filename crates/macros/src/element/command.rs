//! `#[derive(Command)]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Attribute, DeriveInput, Error, Result, Type};

use super::{Element, event, payload};
use crate::attribute::{self, Keys};
use crate::errors::Errors;
use crate::field::{Field, Owner};

const KEYS: Keys = Keys { attribute: "command", accepted: &["of", "reply", "version"] };

#[derive(Default)]
struct Options {
    of: Option<Type>,
    reply: Option<Type>,
    version: Option<u32>,
}

/// The impls for a command.
pub(crate) fn derive(input: DeriveInput) -> Result<TokenStream> {
    let mut errors = Errors::default();
    let ident = input.ident.clone();
    let options = errors.take(Options::parse(&input.attrs));
    let of = options.as_ref().and_then(|options| {
        let missing = "a command is about one aggregate; write `#[command(of = Book)]` above it";
        errors.take(options.of.as_ref().ok_or_else(|| Error::new(ident.span(), missing)))
    });
    let element = errors.take(Element::parse(Owner::Command, input));
    errors.finish()?;
    let (Some(options), Some(of), Some(element)) = (options.as_ref(), of, element) else {
        return Ok(TokenStream::new());
    };
    let payload = payload::items(&element, options.version.unwrap_or(1));
    let reply = options.reply.as_ref().map_or_else(|| quote!(()), |reply| quote!(#reply));
    let key = key(element.id());
    Ok(quote! {
        const _: () = {
            #payload

            #[automatically_derived]
            impl ::protean::domain::Command for #ident {
                type Aggregate = #of;
                type Reply = #reply;

                fn key(&self) -> ::core::option::Option<::std::string::String> { #key }
            }
        };
    })
}

fn key(id: Option<&Field>) -> TokenStream {
    let Some(Field { ident, .. }) = id else {
        return quote!(::core::option::Option::None);
    };
    quote! {
        match ::protean::schema::FieldType::to_value(&self.#ident) {
            ::protean::schema::Value::Null => ::core::option::Option::None,
            value => ::core::option::Option::Some(value.to_key()),
        }
    }
}

impl Options {
    fn parse(attributes: &[Attribute]) -> Result<Self> {
        let mut options = Self::default();
        KEYS.read_all(attributes, |key, meta| {
            match key {
                "of" => options.of = Some(attribute::value(meta, "of = Book")?),
                "reply" => options.reply = Some(attribute::value(meta, "reply = BookId")?),
                _ => options.version = Some(event::version(meta)?),
            }
            Ok(())
        })?;
        Ok(options)
    }
}
