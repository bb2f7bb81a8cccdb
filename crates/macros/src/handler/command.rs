//! `#[command_handler]`.

use proc_macro2::TokenStream;
use quote::quote_spanned;
use syn::Type;
use syn::spanned::Spanned;

use super::seam::Seam;
use super::{Expansion, Method, Role, Scope, expand, registry};
use crate::attribute::{self, Keys};

const KEYS: Keys = Keys {
    attribute: "command_handler",
    accepted: &["domain"],
};

const ROLE: Role = Role {
    attribute: "command_handler",
    marker: "handle",
    many: None,
    message: "command",
    example: "AddBook",
    third: "unit: &mut Unit<'_>",
    answer: "Result<BookId, Failure>",
};

/// The impl and the traits of a command handler.
pub(crate) fn attribute(arguments: TokenStream, item: &TokenStream) -> TokenStream {
    let read = || {
        let mut scope = Scope::Any;
        KEYS.read_arguments(arguments, |_, meta| {
            scope = Scope::Only(attribute::value(meta, "domain = Bookshelf")?);
            Ok(())
        })?;
        Ok(scope)
    };
    expand(&ROLE, item, read, method)
}

fn method(scope: &Scope, handler: &Type, method: &Method) -> Expansion {
    let Method {
        message,
        cfgs,
        answer,
        ..
    } = method;
    let (parameters, domain) = scope.domain(handler);
    let seam = Seam {
        name: "Handle",
        function: "handle",
        third: quote_spanned!(*answer=> ::protean::unit::Unit<'_>),
        reply: quote_spanned!(message.span()=> <#message as ::protean::domain::Command>::Reply),
        associated: TokenStream::new(),
    };
    let handle = seam.implement(handler, method);
    let impls = quote_spanned! {message.span()=>
        #handle

        #(#cfgs)*
        #[automatically_derived]
        impl #parameters ::protean::domain::RoutedIn<#domain> for #message {
            type Handler = #handler;

            fn handler(domain: &#domain) -> &Self::Handler {
                <#domain as ::protean::domain::Has<#handler>>::part(domain)
            }
        }
    };
    let registry = registry();
    let registration = quote_spanned!(message.span()=> #registry.command::<#message>(););
    Expansion {
        impls,
        registration,
    }
}
