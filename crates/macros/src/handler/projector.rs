//! `#[projector]`.

use proc_macro2::{Span, TokenStream};
use quote::quote_spanned;
use syn::spanned::Spanned;
use syn::{Error, Type};

use super::{Expansion, Many, Method, Role, Scope, Takes, call, expand, registry};
use crate::attribute::{self, Keys};

const KEYS: Keys = Keys {
    attribute: "projector",
    accepted: &["into"],
};

const ROLE: Role = Role {
    attribute: "projector",
    marker: "on",
    many: Some(Many {
        marker: "on_many",
        third: "rows: &mut Rows<'_, BookCatalog>",
    }),
    message: "event",
    example: "BookAdded",
    third: "rows: &mut Rows<'_, BookCatalog>",
    answer: "Result<(), Failure>",
};

/// The impl and the traits of a projector.
pub(crate) fn attribute(arguments: TokenStream, item: &TokenStream) -> TokenStream {
    let mut into = None;
    let read = KEYS.read_arguments(arguments, |_, meta| {
        into = Some(attribute::value::<Type>(meta, "into = BookCatalog")?);
        Ok(())
    });
    let missing = "a projector keeps one projection; write `#[projector(into = BookCatalog)]`";
    let read = match (read, &into) {
        (Ok(()), None) => Err(Error::new(Span::call_site(), missing)),
        (read, _) => read,
    };
    expand(
        &ROLE,
        item,
        || read.map(|()| Scope::Any),
        |_, handler, one| match one.takes {
            Takes::One => method(handler, one, into.as_ref()),
            Takes::Many => method_of_many(handler, one, into.as_ref()),
        },
    )
}

fn method(handler: &Type, method: &Method, into: Option<&Type>) -> Expansion {
    let Method {
        message,
        cfgs,
        answer,
        ..
    } = method;
    let call = call(method, handler, "rows");
    let body = quote_spanned! {*answer=>
        fn project(
            &self,
            message: #message,
            rows: &mut ::protean::unit::Rows<'_, #into>,
        ) -> impl ::core::future::Future<
            Output = ::core::result::Result<(), ::protean::Failure>,
        > + ::core::marker::Send {
            #call
        }
    };
    let impls = quote_spanned! {message.span()=>
        #(#cfgs)*
        #[automatically_derived]
        impl ::protean::domain::Project<#message> for #handler {
            type Projection = #into;

            #body
        }
    };
    let registry = registry();
    let registration = quote_spanned! {message.span()=>
        #registry.projection::<#handler, #message>();
    };
    Expansion {
        impls,
        registration,
    }
}

fn method_of_many(handler: &Type, method: &Method, into: Option<&Type>) -> Expansion {
    let Method {
        message,
        cfgs,
        answer,
        ..
    } = method;
    let call = call(method, handler, "rows");
    let body = quote_spanned! {*answer=>
        fn project_many(
            &self,
            message: ::std::vec::Vec<#message>,
            rows: &mut ::protean::unit::Rows<'_, #into>,
        ) -> impl ::core::future::Future<
            Output = ::core::result::Result<(), ::protean::Failure>,
        > + ::core::marker::Send {
            #call
        }
    };
    let impls = quote_spanned! {message.span()=>
        #(#cfgs)*
        #[automatically_derived]
        impl ::protean::domain::ProjectMany<#message> for #handler {
            type Projection = #into;

            #body
        }
    };
    let registry = registry();
    let registration = quote_spanned! {message.span()=>
        #registry.projection_of_many::<#handler, #message>();
    };
    Expansion {
        impls,
        registration,
    }
}
