//! The attributes on a handler's impl: `#[command_handler]`, `#[event_handler]`, `#[projector]`.
//!
//! Each keeps the impl as it is written and adds, for every marked method, the impl of the trait
//! through which the engine calls it.

pub(crate) mod command;
pub(crate) mod event;
mod method;
pub(crate) mod projector;
mod seam;

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::{Error, Ident, ImplItem, ItemImpl, Result, Type};

use crate::errors::Errors;
use method::{Method, Takes};

/// What one attribute looks for in an impl.
struct Role {
    /// The attribute: `command_handler`.
    attribute: &'static str,
    /// The mark of its methods: `on`.
    marker: &'static str,
    /// How it has methods that take many messages at once, if it has.
    many: Option<Many>,
    /// What a method takes: `command`.
    message: &'static str,
    /// A type to show in messages: `AddBook`.
    example: &'static str,
    /// The third parameter: `unit: &mut Unit<'_>`.
    third: &'static str,
    /// The answer: `Result<BookId, Failure>`.
    answer: &'static str,
}

/// What methods look for that take many messages at once.
struct Many {
    /// Their mark: `on_many`.
    marker: &'static str,
    /// Their third parameter: `units: &mut Units<'_>`.
    third: &'static str,
}

/// An impl with the methods that were marked in it.
struct Handler {
    /// The impl as it was written, without the marks.
    item: ItemImpl,
    /// The methods.
    methods: Vec<Method>,
}

/// What a method becomes.
struct Expansion {
    /// The impls for the message it takes.
    impls: TokenStream,
    /// The call that tells the registry.
    registration: TokenStream,
}

/// For which domains a handler is made.
enum Scope {
    /// Every domain that has it.
    Any,
    /// One domain, named because the messages are of another crate.
    Only(Box<Type>),
}

/// Reads the impl and expands its marked methods. An impl with mistakes stays in the output, so
/// that they are the only errors.
fn expand(
    role: &Role,
    item: &TokenStream,
    read: impl FnOnce() -> Result<Scope>,
    method: impl Fn(&Scope, &Type, &Method) -> Expansion,
) -> TokenStream {
    let item: ItemImpl = match syn::parse2(item.clone()) {
        Ok(item) => item,
        Err(error) => {
            let error = misplaced(role, &error).into_compile_error();
            return quote!(#error #item);
        }
    };
    let mut errors = Errors::default();
    let scope = errors.take(read()).unwrap_or(Scope::Any);
    errors.take(check_impl(role, &item));
    let Handler { item, methods } = gather(role, item, &mut errors);
    if let Err(error) = errors.finish() {
        let error = error.into_compile_error();
        return quote!(#item #error);
    }
    let handler = &item.self_ty;
    let expansions = methods
        .iter()
        .map(|one| (one, method(&scope, handler, one)));
    let (mut impls, mut registrations) = (Vec::new(), Vec::new());
    for (Method { cfgs, .. }, expansion) in expansions {
        impls.push(expansion.impls);
        let registration = expansion.registration;
        registrations.push(quote!(#(#cfgs)* { #registration }));
    }
    let part = part(&scope, handler, &registrations);
    quote! {
        #item

        const _: () = {
            #(#impls)*
            #part
        };
    }
}

fn misplaced(role: &Role, error: &Error) -> Error {
    let attribute = role.attribute;
    Error::new(
        error.span(),
        format!("`#[{attribute}]` belongs above `impl YourHandler {{ … }}`: {error}"),
    )
}

fn check_impl(role: &Role, item: &ItemImpl) -> Result<()> {
    let attribute = role.attribute;
    if let Some((path, _)) = &item.trait_ {
        let message = format!(
            "`#[{attribute}]` belongs above an impl without a trait; it writes the trait's impl itself"
        );
        return Err(Error::new_spanned(path, message));
    }
    if !item.generics.params.is_empty() {
        let message = "a handler is one concrete type; keep what varies in a field, such as an \
                       `Arc<dyn Trait>`";
        return Err(Error::new_spanned(&item.generics, message));
    }
    Ok(())
}

fn gather(role: &Role, mut item: ItemImpl, errors: &mut Errors) -> Handler {
    let mut methods: Vec<Method> = Vec::new();
    let mut marked = false;
    for one in &mut item.items {
        let ImplItem::Fn(function) = one else {
            continue;
        };
        let takes = match method::unmark(role, &mut function.attrs) {
            Ok(None) => continue,
            Ok(Some(takes)) => takes,
            Err(error) => {
                errors.push(error);
                Takes::One
            }
        };
        marked = true;
        let Some(method) = errors.take(Method::parse(role, takes, function)) else {
            continue;
        };
        let known = methods
            .iter()
            .find(|known| known.takes_the_same_as(&method));
        if let Some(known) = known {
            errors.push(method.clash_with(known, role));
        }
        methods.push(method);
    }
    if !marked && errors.is_empty() {
        errors.push(Error::new_spanned(&item.self_ty, role.nothing_marked()));
    }
    Handler { item, methods }
}

impl Role {
    fn nothing_marked(&self) -> String {
        let Self { marker, .. } = self;
        let shown = self.shown(Takes::One);
        format!("no method is marked `#[{marker}]`; write {shown}")
    }

    fn marked_twice(&self) -> String {
        let marks: Vec<_> = self
            .marks()
            .map(|(_, mark)| format!("`#[{mark}]`"))
            .collect();
        format!(
            "a method takes one or many; keep one of {}",
            marks.join(" and ")
        )
    }

    /// The marks, with what they stand for.
    fn marks(&self) -> impl Iterator<Item = (Takes, &'static str)> + use<> {
        let many = self.many.as_ref().map(|many| (Takes::Many, many.marker));
        std::iter::once((Takes::One, self.marker)).chain(many)
    }

    fn marker(&self, takes: Takes) -> &'static str {
        let mut marks = self.marks();
        let mark = marks.find(|(known, _)| *known == takes);
        mark.map_or(self.marker, |(_, mark)| mark)
    }

    /// The parameter that follows the messages.
    fn third(&self, takes: Takes) -> &'static str {
        match (takes, &self.many) {
            (Takes::Many, Some(many)) => many.third,
            _ => self.third,
        }
    }

    /// A method as it should be.
    fn shown(&self, takes: Takes) -> String {
        let Self {
            message,
            example,
            answer,
            ..
        } = self;
        let (marker, third) = (self.marker(takes), self.third(takes));
        let messages = match takes {
            Takes::One => format!("{message}: {example}"),
            Takes::Many => format!("{message}s: Vec<{example}>"),
        };
        format!("`#[{marker}] async fn name(&self, {messages}, {third}) -> {answer}`")
    }
}

/// The impl that lets a domain have the handler as a field.
fn part(scope: &Scope, handler: &Type, registrations: &[TokenStream]) -> TokenStream {
    let (parameters, domain) = scope.domain(handler);
    quote! {
        #[automatically_derived]
        impl #parameters ::protean::domain::Part<#domain> for #handler {
            fn register(registry: &mut ::protean::domain::Registry<#domain>) {
                #(#registrations)*
            }
        }
    }
}

impl Scope {
    /// The parameters of an impl for the domains of this scope, and the domain in it.
    fn domain(&self, handler: &Type) -> (TokenStream, TokenStream) {
        match self {
            Self::Any => (quote!(<__D: ::protean::domain::Has<#handler>>), quote!(__D)),
            Self::Only(domain) => (TokenStream::new(), quote!(#domain)),
        }
    }
}

/// The registry inside `Part::register`, wherever the tokens around it come from.
fn registry() -> Ident {
    Ident::new("registry", Span::call_site())
}
