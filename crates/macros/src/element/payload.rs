//! `Payload` and serde: what commands and events are on the wire.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;

use super::{Element, schema};
use crate::field::{Field, Owner};
use crate::naming;

/// The items that make the element a payload, to be put into one block.
pub(super) fn items(element: &Element, version: u32) -> TokenStream {
    let statics = schema::statics(element, &naming::snake_case(&element.name));
    let defaults = schema::defaults(element);
    let check = schema::check(element);
    let serialize = serialize(element);
    let deserialize = deserialize(element);
    let Element { ident, name, .. } = element;
    quote! {
        #statics
        #defaults
        #serialize
        #deserialize

        #[automatically_derived]
        impl ::protean::domain::Payload for #ident {
            const NAME: &'static str = #name;
            const VERSION: u32 = #version;
            const SCHEMA: &'static ::protean::schema::Schema = &__SCHEMA;

            #check
        }
    }
}

/// The fields in the order of the wire, which is alphabetical; each with its index in the code.
fn sorted(element: &Element) -> Vec<(usize, &Field)> {
    let mut fields: Vec<_> = element.fields.iter().enumerate().collect();
    fields.sort_by(|(_, one), (_, other)| one.name.cmp(&other.name));
    fields
}

fn serialize(element: &Element) -> TokenStream {
    let Element { ident, name, .. } = element;
    let count = element.fields.len();
    let fields = sorted(element).into_iter().map(|(_, field)| {
        let (ident, name) = (&field.ident, &field.name);
        quote! {
            ::protean::__private::serde::ser::SerializeStruct::serialize_field(
                &mut object, #name, &self.#ident,
            )?;
        }
    });
    quote! {
        #[automatically_derived]
        impl ::protean::__private::serde::Serialize for #ident {
            fn serialize<__S: ::protean::__private::serde::Serializer>(
                &self,
                serializer: __S,
            ) -> ::core::result::Result<__S::Ok, __S::Error> {
                #[allow(unused_mut)]
                let mut object = ::protean::__private::serde::Serializer::serialize_struct(
                    serializer, #name, #count,
                )?;
                #(#fields)*
                ::protean::__private::serde::ser::SerializeStruct::end(object)
            }
        }
    }
}

fn deserialize(element: &Element) -> TokenStream {
    let Element { ident, name, .. } = element;
    let keys = sorted(element).into_iter().map(|(_, field)| &field.name);
    let expecting = format!("an object with the fields of {name}");
    let visit_map = visit_map(element);
    quote! {
        const __KEYS: &[&str] = &[#(#keys),*];

        struct __Visitor;

        impl<'de> ::protean::__private::serde::de::Visitor<'de> for __Visitor {
            type Value = #ident;

            fn expecting(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.write_str(#expecting)
            }

            #visit_map
        }

        #[automatically_derived]
        impl<'de> ::protean::__private::serde::Deserialize<'de> for #ident {
            fn deserialize<__D: ::protean::__private::serde::Deserializer<'de>>(
                deserializer: __D,
            ) -> ::core::result::Result<Self, __D::Error> {
                ::protean::__private::serde::Deserializer::deserialize_struct(
                    deserializer, #name, __KEYS, __Visitor,
                )
            }
        }
    }
}

fn visit_map(element: &Element) -> TokenStream {
    let ident = &element.ident;
    let fields = sorted(element);
    let slots = fields.iter().map(|(at, field)| {
        let (slot, ty) = (slot(*at, field), &field.ty);
        quote!(let mut #slot: ::core::option::Option<#ty> = ::core::option::Option::None;)
    });
    let arms = fields.iter().enumerate().map(|(nth, (at, field))| {
        let slot = slot(*at, field);
        quote!(::core::option::Option::Some(#nth) => keys.value(&mut map, &mut #slot)?,)
    });
    let values = fields.iter().map(|(at, field)| {
        let (ident, value) = (&field.ident, present(*at, field));
        quote!(#ident: #value)
    });
    let unknown = match element.owner {
        Owner::Command => quote!(refusing),
        _ => quote!(ignoring),
    };
    quote! {
        fn visit_map<__A: ::protean::__private::serde::de::MapAccess<'de>>(
            self,
            mut map: __A,
        ) -> ::core::result::Result<#ident, __A::Error> {
            #(#slots)*
            let mut keys = ::protean::__private::Keys::#unknown(__KEYS);
            while let ::core::option::Option::Some(key) = keys.next(&mut map)? {
                match key {
                    #(#arms)*
                    _ => keys.skip(&mut map)?,
                }
            }
            ::core::result::Result::Ok(#ident { #(#values),* })
        }
    }
}

/// The variable that a field is read into; stands where the field's type does, so that what is
/// wrong with the type is told there.
fn slot(at: usize, field: &Field) -> syn::Ident {
    format_ident!("slot_{at}", span = field.ty.span())
}

/// The value of a field, of which the object may have said nothing.
fn present(at: usize, field: &Field) -> TokenStream {
    let (slot, ty, name) = (slot(at, field), &field.ty, &field.name);
    if field.rules.default.is_some() {
        let default = schema::default_name(at);
        return quote!(#slot.unwrap_or_else(#default));
    }
    quote_spanned!(ty.span()=> ::protean::__private::present(#slot, #name)?)
}
