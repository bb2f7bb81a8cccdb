//! One marked method of a handler.

use proc_macro2::Span;
use quote::ToTokens;
use syn::spanned::Spanned;
use syn::{
    Attribute, Error, FnArg, Ident, ImplItemFn, ReceiverKind, Result, ReturnType, Safety,
    Signature, Type,
};

use super::Role;
use crate::attribute;
use crate::errors::Errors;

/// A method that takes messages.
pub(super) struct Method {
    /// Its name.
    pub(super) ident: Ident,
    /// The type of message that it takes.
    pub(super) message: Type,
    /// Where its answer is written.
    pub(super) answer: Span,
    /// The `#[cfg(…)]` above it, which hold for everything made of it.
    pub(super) cfgs: Vec<Attribute>,
}

/// Takes the mark off a method; says whether it was there.
pub(super) fn unmark(role: &Role, attributes: &mut Vec<Attribute>) -> Result<bool> {
    let mark = attribute::marker(attributes, role.marker);
    attributes.retain(|known| !known.path().is_ident(role.marker));
    mark.map(|mark| mark.is_some())
}

impl Method {
    /// Reads a marked method.
    pub(super) fn parse(role: &Role, function: &mut ImplItemFn) -> Result<Self> {
        let mut errors = Errors::default();
        let signature = &function.sig;
        errors.take(check_kind(role, signature));
        errors.take(check_receiver(role, signature));
        let message = errors.take(message(role, signature));
        let answer = errors.take(answer(role, signature));
        let (message, answer) = errors.into_result(message.zip(answer))?;
        let cfgs = function
            .attrs
            .iter()
            .filter(|known| known.path().is_ident("cfg"));
        let (ident, cfgs) = (signature.ident.clone(), cfgs.cloned().collect());
        allow_dictated_lints(function);
        Ok(Self {
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

fn check_kind(role: &Role, signature: &Signature) -> Result<()> {
    let mut errors = Errors::default();
    if signature.asyncness.is_none() {
        let message = format!(
            "a method marked `#[{}]` is asynchronous; write `async fn {}`",
            role.marker, signature.ident
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

fn check_receiver(role: &Role, signature: &Signature) -> Result<()> {
    let message = format!(
        "a handler is shared by all workers, so its methods take `&self`; write {}",
        role.shown()
    );
    match signature.receiver() {
        Some(one) if matches!(one.kind, ReceiverKind::Reference(_, _, None)) => Ok(()),
        Some(other) => Err(Error::new_spanned(other, message)),
        None => Err(Error::new(signature.ident.span(), message)),
    }
}

fn message(role: &Role, signature: &Signature) -> Result<Type> {
    let typed = signature.inputs.iter().filter_map(|input| match input {
        FnArg::Typed(typed) => Some(&*typed.ty),
        FnArg::Receiver(_) => None,
    });
    let types: Vec<&Type> = typed.collect();
    let [message, third] = types.as_slice() else {
        let found = types.len();
        let message = format!(
            "expected two parameters after `&self`, found {found}; write {}",
            role.shown()
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
        let text = format!("expected `{}`", role.third);
        return Err(Error::new_spanned(third, text));
    }
    Ok((*message).clone())
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
