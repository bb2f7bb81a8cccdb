//! `#[event_handler]`.

use proc_macro2::TokenStream;
use quote::quote_spanned;
use syn::Type;
use syn::spanned::Spanned;

use super::{Expansion, Many, Method, Role, Scope, Takes, call, expand, registry};
use crate::attribute::Keys;

const KEYS: Keys = Keys {
    attribute: "event_handler",
    accepted: &[],
};

const ROLE: Role = Role {
    attribute: "event_handler",
    marker: "on",
    many: Some(Many {
        marker: "on_many",
        third: "units: &mut Units<'_>",
    }),
    message: "event",
    example: "OrderPlaced",
    third: "unit: &mut Unit<'_>",
    answer: "Result<(), Failure>",
};

/// The impl and the traits of an event handler.
pub(crate) fn attribute(arguments: TokenStream, item: &TokenStream) -> TokenStream {
    let read = || {
        KEYS.read_arguments(arguments, |_, _| Ok(()))
            .map(|()| Scope::Any)
    };
    expand(&ROLE, item, read, |_, handler, one| match one.takes {
        Takes::One => method(handler, one),
        Takes::Many => method_of_many(handler, one),
    })
}

fn method(handler: &Type, method: &Method) -> Expansion {
    let Method {
        message,
        cfgs,
        answer,
        ..
    } = method;
    let call = call(method, handler, "unit");
    let body = quote_spanned! {*answer=>
        fn react(
            &self,
            message: #message,
            unit: &mut ::protean::unit::Unit<'_>,
        ) -> impl ::core::future::Future<
            Output = ::core::result::Result<(), ::protean::Failure>,
        > + ::core::marker::Send {
            #call
        }
    };
    let impls = quote_spanned! {message.span()=>
        #(#cfgs)*
        #[automatically_derived]
        impl ::protean::domain::React<#message> for #handler {
            #body
        }
    };
    let registry = registry();
    let registration = quote_spanned! {message.span()=>
        #registry.reaction::<#handler, #message>();
    };
    Expansion {
        impls,
        registration,
    }
}

fn method_of_many(handler: &Type, method: &Method) -> Expansion {
    let Method {
        message,
        cfgs,
        answer,
        ..
    } = method;
    let call = call(method, handler, "units");
    let body = quote_spanned! {*answer=>
        fn react_many(
            &self,
            message: ::std::vec::Vec<#message>,
            units: &mut ::protean::unit::Units<'_>,
        ) -> impl ::core::future::Future<
            Output = ::core::result::Result<(), ::protean::Failure>,
        > + ::core::marker::Send {
            #call
        }
    };
    let impls = quote_spanned! {message.span()=>
        #(#cfgs)*
        #[automatically_derived]
        impl ::protean::domain::ReactMany<#message> for #handler {
            #body
        }
    };
    let registry = registry();
    let registration = quote_spanned! {message.span()=>
        #registry.reaction_to_many::<#handler, #message>();
    };
    Expansion {
        impls,
        registration,
    }
}
