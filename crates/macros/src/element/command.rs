//! `#[derive(Command)]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Attribute, DeriveInput, Error, Ident, Result, Type, parse_quote};

use super::{Element, event, payload};
use crate::attribute::{self, Keys};
use crate::errors::Errors;
use crate::field::{Field, Owner};

const KEYS: Keys = Keys {
    attribute: "command",
    accepted: &["of", "reply", "version"],
};

struct Options {
    of: Type,
    reply: Type,
    version: u32,
}

/// The impls for a command.
pub(crate) fn derive(input: DeriveInput) -> Result<TokenStream> {
    let mut errors = Errors::default();
    let ident = input.ident.clone();
    let options = errors.take(Options::parse(&input.attrs, &ident));
    let element = errors.take(Element::parse(Owner::Command, input));
    let (Options { of, reply, version }, element) = errors.into_result(options.zip(element))?;
    let payload = payload::items(&element, version);
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
    let Some(field) = id else {
        return quote!(::core::option::Option::None);
    };
    let (ident, ty) = (&field.ident, field.as_field_type());
    quote! {
        match #ty::to_value(&self.#ident) {
            ::protean::schema::Value::Null => ::core::option::Option::None,
            value => ::core::option::Option::Some(value.to_key()),
        }
    }
}

impl Options {
    fn parse(attributes: &[Attribute], ident: &Ident) -> Result<Self> {
        let (mut of, mut reply, mut version) = (None, None, 1);
        KEYS.read_all(attributes, |key, meta| {
            match key {
                "of" => of = Some(attribute::value(meta, "of = Book")?),
                "reply" => reply = Some(attribute::value(meta, "reply = BookId")?),
                _ => version = event::version(meta)?,
            }
            Ok(())
        })?;
        let missing = "a command is about one aggregate; write `#[command(of = Book)]` above it";
        let of = of.ok_or_else(|| Error::new(ident.span(), missing))?;
        Ok(Self {
            of,
            reply: reply.unwrap_or_else(|| parse_quote!(())),
            version,
        })
    }
}
