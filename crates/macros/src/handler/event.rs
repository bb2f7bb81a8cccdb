//! `#[event_handler]`.

use proc_macro2::TokenStream;
use quote::quote_spanned;
use syn::spanned::Spanned;
use syn::{Ident, Type};

use super::seam::Seam;
use super::{Expansion, Many, Method, Role, Scope, Takes, expand, registry};
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
    expand(&ROLE, item, read, |_, handler, one| method(handler, one))
}

fn method(handler: &Type, method: &Method) -> Expansion {
    let Method {
        takes,
        message,
        answer,
        ..
    } = method;
    let (name, function, reaction) = match takes {
        Takes::One => ("React", "react", "reaction"),
        Takes::Many => ("ReactMany", "react_many", "reaction_to_many"),
    };
    let unit = match takes {
        Takes::One => quote_spanned!(*answer=> Unit),
        Takes::Many => quote_spanned!(*answer=> Units),
    };
    let seam = Seam {
        name,
        function,
        third: quote_spanned!(*answer=> ::protean::unit::#unit<'_>),
        reply: quote_spanned!(*answer=> ()),
        associated: TokenStream::new(),
    };
    let reaction = Ident::new(reaction, message.span());
    let registry = registry();
    Expansion {
        impls: seam.implement(handler, method),
        registration: quote_spanned! {message.span()=>
            #registry.#reaction::<#handler, #message>();
        },
    }
}
