//! `#[projector]`.

use proc_macro2::{Span, TokenStream};
use quote::quote_spanned;
use syn::spanned::Spanned;
use syn::{Error, Ident, Type};

use super::seam::Seam;
use super::{Expansion, Many, Method, Role, Scope, Takes, expand, registry};
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
        |_, handler, one| method(handler, one, into.as_ref()),
    )
}

fn method(handler: &Type, method: &Method, into: Option<&Type>) -> Expansion {
    let Method {
        takes,
        message,
        answer,
        ..
    } = method;
    let (name, function, projection) = match takes {
        Takes::One => ("Project", "project", "projection"),
        Takes::Many => ("ProjectMany", "project_many", "projection_of_many"),
    };
    let seam = Seam {
        name,
        function,
        third: quote_spanned!(*answer=> ::protean::unit::Rows<'_, #into>),
        reply: quote_spanned!(*answer=> ()),
        associated: quote_spanned!(message.span()=> type Projection = #into;),
    };
    let projection = Ident::new(projection, message.span());
    let registry = registry();
    Expansion {
        impls: seam.implement(handler, method),
        registration: quote_spanned! {message.span()=>
            #registry.#projection::<#handler, #message>();
        },
    }
}
