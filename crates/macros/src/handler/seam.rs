//! The traits through which the engine calls the methods of handlers.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Ident, Type};

use super::method::{Method, Takes};

/// A trait with one method, which a method of a handler stands behind.
pub(super) struct Seam {
    /// The trait: `React`.
    pub(super) name: &'static str,
    /// Its method: `react`.
    pub(super) function: &'static str,
    /// The type that follows the message behind `&mut`: `Unit<'_>`.
    pub(super) third: TokenStream,
    /// What the method answers with when it does not fail.
    pub(super) reply: TokenStream,
    /// What the impl has besides the method.
    pub(super) associated: TokenStream,
}

impl Seam {
    /// The trait's impl that calls a method. What is wrong with the method's future is told where
    /// its answer is written, and everything else where its message is.
    pub(super) fn implement(&self, handler: &Type, method: &Method) -> TokenStream {
        let Method {
            takes,
            ident,
            message,
            answer,
            cfgs,
        } = method;
        let Self {
            third,
            reply,
            associated,
            ..
        } = self;
        let name = Ident::new(self.name, message.span());
        let function = Ident::new(self.function, *answer);
        let taken = match takes {
            Takes::One => quote!(#message),
            Takes::Many => quote_spanned!(*answer=> ::std::vec::Vec<#message>),
        };
        let body = quote_spanned! {*answer=>
            fn #function(
                &self,
                message: #taken,
                third: &mut #third,
            ) -> impl ::core::future::Future<
                Output = ::core::result::Result<#reply, ::protean::Failure>,
            > + ::core::marker::Send {
                <#handler>::#ident(self, message, third)
            }
        };
        quote_spanned! {message.span()=>
            #(#cfgs)*
            #[automatically_derived]
            impl ::protean::domain::#name<#message> for #handler {
                #associated

                #body
            }
        }
    }
}
