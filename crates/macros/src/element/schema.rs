//! The statics that describe an element's fields, and the check of its rules.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;

use super::Element;
use crate::field::{Default, Field, Owner, Unproven};

/// The statics `__FIELDS` and `__SCHEMA`.
pub(super) fn statics(element: &Element, table: &str) -> TokenStream {
    let Element { name, doc, .. } = element;
    let variant = match element.owner {
        Owner::Aggregate => quote!(Aggregate),
        Owner::Command => quote!(Command),
        Owner::Event => quote!(Event),
        Owner::Projection => quote!(Projection),
    };
    let count = element.fields.len();
    let fields = element.fields.iter().map(describe);
    let assertions = element.fields.iter().map(assertions);
    quote! {
        #(#assertions)*

        static __FIELDS: [::protean::schema::Field; #count] = [#(#fields),*];
        static __SCHEMA: ::protean::schema::Schema = ::protean::schema::Schema {
            element: ::protean::schema::Element::#variant,
            name: #name,
            table: #table,
            fields: &__FIELDS,
            doc: #doc,
        };
    }
}

/// What the compiler has to check because the macro knows nothing of the field's type.
fn assertions(field: &Field) -> TokenStream {
    let ty = field.as_field_type();
    let checks = field.unproven().into_iter().map(
        |Unproven {
             span,
             rule,
             fits,
             kinds,
         }| {
            let message = format!(
                "`{rule}` fits {fits}, but the type of `{}` is none",
                field.name
            );
            let kinds = kinds.iter().map(|kind| format_ident!("{kind}"));
            quote_spanned! {span=>
                const _: () = ::core::assert!(
                    ::core::matches!(
                        #ty::KIND,
                        #(::protean::schema::Kind::#kinds)|*
                    ),
                    #message,
                );
            }
        },
    );
    quote!(#(#checks)*)
}

fn describe(field: &Field) -> TokenStream {
    let Field {
        name, doc, rules, ..
    } = field;
    let identifier = field.id.is_some();
    let unique = rules.unique.is_some();
    let indexed = rules.index.is_some();
    let defaulted = rules.default.is_some();
    let scale = optional(rules.scale.map(|(_, digits)| digits));
    let max = optional(rules.max.as_ref());
    let min = optional(rules.min.as_ref());
    let pattern = optional(
        rules
            .pattern
            .as_ref()
            .map(|source| quote!(::protean::schema::Pattern::new(#source))),
    );
    let choices = &rules.choices;
    let ty = field.as_field_type();
    quote! {
        ::protean::schema::Field {
            name: #name,
            kind: #ty::KIND,
            optional: #ty::OPTIONAL,
            identifier: #identifier,
            unique: #unique,
            indexed: #indexed,
            defaulted: #defaulted,
            scale: #scale,
            rules: ::protean::schema::Rules {
                max: #max,
                min: #min,
                pattern: #pattern,
                choices: &[#(#choices),*],
            },
            doc: #doc,
        }
    }
}

fn optional(value: Option<impl quote::ToTokens>) -> TokenStream {
    match value {
        Some(value) => quote!(::core::option::Option::Some(#value)),
        None => quote!(::core::option::Option::None),
    }
}

/// The method `check`, which reports all violations together.
pub(super) fn check(element: &Element) -> TokenStream {
    let checks = element.fields.iter().enumerate().map(|(at, field)| {
        let (ident, ty) = (&field.ident, field.as_field_type());
        let with = with(field);
        quote! {
            __FIELDS[#at].check(
                #ty::measure(&self.#ident),
                &mut invalid,
            );
            #with
        }
    });
    quote! {
        fn check(&self) -> ::core::result::Result<(), ::protean::schema::Invalid> {
            let mut invalid = <::protean::schema::Invalid as ::core::default::Default>::default();
            #(#checks)*
            invalid.into_result()
        }
    }
}

fn with(field: &Field) -> TokenStream {
    let Some(path) = &field.rules.with else {
        return TokenStream::new();
    };
    let Field { ident, name, .. } = field;
    let value = quote!(value);
    let call = quote_spanned!(path.span()=> #path(#value));
    let refuse = quote! {
        let checked: ::core::result::Result<(), ::std::string::String> = #call;
        if let ::core::result::Result::Err(message) = checked {
            invalid.add(#name, message);
        }
    };
    if field.shape.optional {
        return quote! {
            if let ::core::option::Option::Some(value) = &self.#ident { #refuse }
        };
    }
    quote!({ let value = &self.#ident; #refuse })
}

/// The functions that make the defaults; apart from everything else, so that an expression sees no
/// names but its own.
pub(super) fn defaults(element: &Element) -> TokenStream {
    let functions = element.fields.iter().enumerate().filter_map(|(at, field)| {
        let (_, default) = field.rules.default.as_ref()?;
        let ty = &field.ty;
        let value = default_value(field, default);
        let name = default_name(at);
        Some(quote!(fn #name() -> #ty { #value }))
    });
    quote!(#(#functions)*)
}

/// The name of the function that makes the default of the field at this index.
pub(super) fn default_name(at: usize) -> syn::Ident {
    format_ident!("__default_{at}")
}

fn default_value(field: &Field, default: &Default) -> TokenStream {
    let ty = &field.ty;
    match default {
        Default::Own => {
            quote_spanned!(ty.span()=> <#ty as ::core::default::Default>::default())
        }
        Default::Value(syn::Expr::Lit(literal)) if field.shape.wants_conversion(&literal.lit) => {
            let converted = quote_spanned!(literal.span()=> ::core::convert::From::from(#literal));
            if field.shape.optional {
                quote!(::core::option::Option::Some(#converted))
            } else {
                converted
            }
        }
        Default::Value(syn::Expr::Lit(literal)) if field.shape.optional => {
            quote!(::core::option::Option::Some(#literal))
        }
        Default::Value(value) => quote!(#value),
    }
}
