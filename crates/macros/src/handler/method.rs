//! One marked method of a handler.

use proc_macro2::Span;
use quote::ToTokens;
use syn::spanned::Spanned;
use syn::{
    Attribute, Error, FnArg, GenericArgument, Ident, ImplItemFn, PathArguments, ReceiverKind,
    Result, ReturnType, Safety, Signature, Type,
};

use super::Role;
use crate::attribute;
use crate::errors::Errors;

/// How many messages a method takes at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Takes {
    One,
    Many,
}

/// A method that takes messages.
pub(super) struct Method {
    /// How many at once.
    pub(super) takes: Takes,
    /// Its name.
    pub(super) ident: Ident,
    /// The type of message that it takes.
    pub(super) message: Type,
    /// Where its answer is written.
    pub(super) answer: Span,
    /// The `#[cfg(…)]` above it, which hold for everything made of it.
    pub(super) cfgs: Vec<Attribute>,
}

/// Takes the mark off a method; says which it was, if there was one.
pub(super) fn unmark(role: &Role, attributes: &mut Vec<Attribute>) -> Result<Option<Takes>> {
    let mut found = Ok(None);
    for (takes, marker) in role.marks() {
        let mark = attribute::marker(attributes, marker);
        attributes.retain(|known| !known.path().is_ident(marker));
        found = match (found, mark) {
            (Err(error), _) | (_, Err(error)) => Err(error),
            (Ok(Some(_)), Ok(Some(span))) => Err(Error::new(span, role.marked_twice())),
            (Ok(known), Ok(mark)) => Ok(mark.map(|_| takes).or(known)),
        };
    }
    found
}

impl Method {
    /// Reads a marked method.
    pub(super) fn parse(role: &Role, takes: Takes, function: &mut ImplItemFn) -> Result<Self> {
        let mut errors = Errors::default();
        let signature = &function.sig;
        errors.take(check_kind(role, takes, signature));
        errors.take(check_receiver(role, takes, signature));
        let message = errors.take(message(role, takes, signature));
        let answer = errors.take(answer(role, signature));
        let (message, answer) = errors.into_result(message.zip(answer))?;
        let cfgs = function
            .attrs
            .iter()
            .filter(|known| known.path().is_ident("cfg"));
        let (ident, cfgs) = (signature.ident.clone(), cfgs.cloned().collect());
        allow_dictated_lints(function);
        Ok(Self {
            takes,
            ident,
            message,
            answer,
            cfgs,
        })
    }

    /// Whether both take one type of message, wherever they are compiled.
    pub(super) fn takes_the_same_as(&self, other: &Self) -> bool {
        let written = |method: &Self| method.message.to_token_stream().to_string();
        self.cfgs.is_empty() && other.cfgs.is_empty() && written(self) == written(other)
    }

    /// The mistake of taking the same message as another method.
    pub(super) fn clash_with(&self, known: &Self, role: &Role) -> Error {
        let message = format!(
            "`{}` takes this {} already; a handler takes each with one method",
            known.ident, role.message
        );
        Error::new_spanned(&self.message, message)
    }
}

fn check_kind(role: &Role, takes: Takes, signature: &Signature) -> Result<()> {
    let mut errors = Errors::default();
    if signature.asyncness.is_none() {
        let message = format!(
            "a method marked `#[{}]` is asynchronous; write `async fn {}`",
            role.marker(takes),
            signature.ident
        );
        errors.push(Error::new_spanned(signature.fn_token, message));
    }
    if let Safety::Unsafe(token) = &signature.safety {
        errors.push(Error::new_spanned(
            token,
            "the engine calls no unsafe method; remove `unsafe`",
        ));
    }
    if !signature.generics.params.is_empty() {
        let message = format!(
            "a method takes one type of {}; remove the generics",
            role.message
        );
        errors.push(Error::new_spanned(&signature.generics, message));
    }
    errors.finish()
}

fn check_receiver(role: &Role, takes: Takes, signature: &Signature) -> Result<()> {
    let message = format!(
        "a handler is shared by all workers, so its methods take `&self`; write {}",
        role.shown(takes)
    );
    match signature.receiver() {
        Some(one) if matches!(one.kind, ReceiverKind::Reference(_, _, None)) => Ok(()),
        Some(other) => Err(Error::new_spanned(other, message)),
        None => Err(Error::new(signature.ident.span(), message)),
    }
}

fn message(role: &Role, takes: Takes, signature: &Signature) -> Result<Type> {
    let typed = signature.inputs.iter().filter_map(|input| match input {
        FnArg::Typed(typed) => Some(&*typed.ty),
        FnArg::Receiver(_) => None,
    });
    let types: Vec<&Type> = typed.collect();
    let [message, third] = types.as_slice() else {
        let found = types.len();
        let message = format!(
            "expected two parameters after `&self`, found {found}; write {}",
            role.shown(takes)
        );
        return Err(Error::new(signature.paren_token.span.join(), message));
    };
    if let Type::Reference(_) = message {
        let text = format!(
            "the {} is handed over; take it by value, without `&`",
            role.message
        );
        return Err(Error::new_spanned(message, text));
    }
    if !matches!(third, Type::Reference(reference) if reference.mutability.is_some()) {
        let text = format!("expected `{}`", role.third(takes));
        return Err(Error::new_spanned(third, text));
    }
    match takes {
        Takes::One => Ok((*message).clone()),
        Takes::Many => element(message).ok_or_else(|| {
            let text = format!(
                "expected `Vec<{}>`, since the method takes many",
                role.example
            );
            Error::new_spanned(message, text)
        }),
    }
}

/// The `E` of a `Vec<E>`.
fn element(list: &Type) -> Option<Type> {
    let Type::Path(path) = list else { return None };
    let last = path.path.segments.last()?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else {
        return None;
    };
    match (last.ident == "Vec", arguments.args.first()) {
        (true, Some(GenericArgument::Type(element))) => Some(element.clone()),
        _ => None,
    }
}

fn answer(role: &Role, signature: &Signature) -> Result<Span> {
    match &signature.output {
        ReturnType::Type(_, answer) => Ok(answer.span()),
        ReturnType::Default => {
            let message = format!("expected an answer; write `-> {}`", role.answer);
            Err(Error::new(signature.paren_token.span.join(), message))
        }
    }
}

/// The framework dictates the signature, so the author cannot follow these lints.
fn allow_dictated_lints(function: &mut ImplItemFn) {
    function.attrs.push(syn::parse_quote! {
        #[allow(
            clippy::needless_pass_by_value,
            clippy::unused_async,
            clippy::unused_self,
            reason = "the framework dictates the signature of a handler"
        )]
    });
}
