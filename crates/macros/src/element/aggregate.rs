//! `#[derive(Aggregate)]`.

use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Attribute, DeriveInput, Error, Ident, LitStr, Path, Result, Token, parenthesized};

use super::{Element, record};
use crate::attribute::{self, Keys};
use crate::errors::Errors;
use crate::field::Owner;

const KEYS: Keys = Keys {
    attribute: "aggregate",
    accepted: &["events", "invariants", "table"],
};

#[derive(Default)]
struct Options {
    events: Vec<(Ident, Path)>,
    invariants: Option<Path>,
    table: Option<LitStr>,
}

/// The impls for an aggregate, and the enum of its events.
pub(crate) fn derive(input: DeriveInput) -> Result<TokenStream> {
    let mut errors = Errors::default();
    let options = errors
        .take(Options::parse(&input.attrs))
        .unwrap_or_default();
    let element = errors.take(Element::parse(Owner::Aggregate, input));
    let record = element
        .as_ref()
        .and_then(|element| errors.take(record::items(element, options.table.as_ref())));
    let (element, record) = errors.into_result(element.zip(record))?;
    let set = format_ident!("{}Event", element.name, span = element.ident.span());
    let enumeration = enumeration(&element, &set, &options.events);
    let event_set = event_set(&set, &options.events);
    let parts = parts(&element.ident, &set, &options.events);
    let invariants = options.invariants.as_ref().map(invariants);
    let ident = &element.ident;
    Ok(quote! {
        #enumeration

        const _: () = {
            #record
            #event_set
            #parts

            #[automatically_derived]
            impl ::protean::domain::Aggregate for #ident {
                type Event = #set;

                #invariants
            }
        };
    })
}

impl Options {
    fn parse(attributes: &[Attribute]) -> Result<Self> {
        let mut options = Self::default();
        KEYS.read_all(attributes, |key, meta| {
            match key {
                "events" => options.events = events(meta)?,
                "invariants" => {
                    let path = attribute::value(meta, "invariants = Self::check_stock")?;
                    options.invariants = Some(path);
                }
                _ => options.table = Some(record::table(meta)?),
            }
            Ok(())
        })?;
        Ok(options)
    }
}

fn events(meta: &syn::meta::ParseNestedMeta<'_>) -> Result<Vec<(Ident, Path)>> {
    if !meta.input.peek(syn::token::Paren) {
        return Err(meta.error("expected the events, as in `events(BookAdded, BookRepriced)`"));
    }
    let content;
    parenthesized!(content in meta.input);
    let paths =
        Punctuated::<Path, Token![,]>::parse_terminated_with(&content, Path::parse_mod_style)?;
    let mut events: Vec<(Ident, Path)> = Vec::new();
    for path in paths {
        let Some(last) = path.segments.last() else {
            continue;
        };
        let name = last.ident.clone();
        if events.iter().any(|(known, _)| *known == name) {
            let message = format!("`{name}` is listed twice; keep one");
            return Err(Error::new_spanned(path, message));
        }
        events.push((name, path));
    }
    Ok(events)
}

/// The enum of the aggregate's events.
fn enumeration(element: &Element, set: &Ident, events: &[(Ident, Path)]) -> TokenStream {
    let vis = &element.vis;
    let doc = format!("The events that [`{}`] raises.", element.name);
    let variants = events.iter().map(|(name, path)| {
        let target = path.to_token_stream().to_string().replace(' ', "");
        let doc = format!("The event [`{name}`]({target}).");
        quote!(#[doc = #doc] #name(#path))
    });
    quote! {
        #[doc = #doc]
        #[derive(Clone)]
        #vis enum #set { #(#variants),* }
    }
}

fn event_set(set: &Ident, events: &[(Ident, Path)]) -> TokenStream {
    let names = dispatch(
        events,
        |path| quote!(<#path as ::protean::domain::Payload>::NAME),
    );
    let versions = dispatch(
        events,
        |path| quote!(<#path as ::protean::domain::Payload>::VERSION),
    );
    let encodings = dispatch(events, |_| {
        quote!(::protean::__private::serde_json::to_string(event))
    });
    let checks = dispatch(events, |_| quote!(::protean::domain::Payload::check(event)));
    quote! {
        #[automatically_derived]
        impl ::protean::domain::EventSet for #set {
            fn name(&self) -> &'static str { #names }

            fn version(&self) -> u32 { #versions }

            fn encode(
                &self,
            ) -> ::core::result::Result<::std::string::String, ::protean::__private::serde_json::Error>
            { #encodings }

            fn check(&self) -> ::core::result::Result<(), ::protean::schema::Invalid> { #checks }
        }

        #[automatically_derived]
        impl ::core::fmt::Debug for #set {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                let payload = ::protean::domain::EventSet::encode(self)
                    .map_err(|_| ::core::fmt::Error)?;
                ::core::write!(f, "{}({payload})", ::protean::domain::EventSet::name(self))
            }
        }
    }
}

/// A match on the event, with one arm per kind.
fn dispatch(events: &[(Ident, Path)], arm: impl Fn(&Path) -> TokenStream) -> TokenStream {
    if events.is_empty() {
        return quote!(match *self {});
    }
    let arms = events.iter().map(|(name, path)| {
        let value = arm(path);
        quote!(Self::#name(event) => { let _ = event; #value })
    });
    quote!(match self { #(#arms)* })
}

/// What ties every event to the aggregate.
fn parts(aggregate: &Ident, set: &Ident, events: &[(Ident, Path)]) -> TokenStream {
    let impls = events.iter().map(|(name, path)| {
        quote_spanned! {path.span()=>
            #[automatically_derived]
            impl ::protean::domain::PartOf for #path {
                type Aggregate = #aggregate;
            }

            #[automatically_derived]
            impl ::core::convert::From<#path> for #set {
                fn from(event: #path) -> Self {
                    Self::#name(event)
                }
            }
        }
    });
    quote!(#(#impls)*)
}

fn invariants(path: &Path) -> TokenStream {
    let this = quote!(self);
    let call = quote_spanned!(path.span()=> #path(#this));
    quote! {
        fn check_invariants(&self) -> ::core::result::Result<(), ::protean::schema::Invalid> {
            #call
        }
    }
}
