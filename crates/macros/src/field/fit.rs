//! Whether the rules of a field fit its type and its element.

use proc_macro2::Span;
use regex_syntax::Parser;
use syn::{Error, LitStr, Result};

use super::rules::{Limit, Number, Rules};
use super::shape::{Kind, Shape};
use super::{Field, Owner};
use crate::errors::Errors;

/// Refuses every rule that does not fit.
pub(super) fn check(owner: Owner, shape: &Shape, id: Option<Span>, rules: &Rules) -> Result<()> {
    let mut errors = Errors::default();
    errors.take(identity(owner, shape, id));
    for (name, limit) in [("max", &rules.max), ("min", &rules.min)] {
        if let Some(limit) = limit {
            errors.take(bound(name, limit, shape));
        }
    }
    errors.take(order(rules));
    errors.take(text_only(shape, rules));
    errors.take(rules.pattern.as_ref().map_or(Ok(()), compiles));
    errors.take(decimal_only(shape, rules));
    errors.take(table_only(owner, rules));
    errors.take(default(owner, shape, rules));
    errors.finish()
}

fn identity(owner: Owner, shape: &Shape, id: Option<Span>) -> Result<()> {
    let Some(span) = id else { return Ok(()) };
    if owner == Owner::Event {
        let message = "an event has no identity of its own: it is kept with the aggregate that \
                       raises it; remove `#[id]`";
        return Err(Error::new(span, message));
    }
    if owner.is_record() && shape.optional {
        let message = "an identity is never absent; remove the `Option`";
        return Err(Error::new(span, message));
    }
    Ok(())
}

fn bound(name: &str, limit: &Limit, shape: &Shape) -> Result<()> {
    let written = &shape.written;
    let message = match (shape.kind, limit.number) {
        (Kind::Boolean | Kind::Uuid | Kind::Timestamp, _) => {
            format!("`{name}` fits text and numbers, found a field of type `{written}`")
        }
        (Kind::Text, Number::Integer(characters)) if characters < 0 => {
            format!("`{name}` of text is a number of characters; expected 0 or more")
        }
        (Kind::Text, Number::Float(_)) => {
            format!("`{name}` of text is a number of characters; expected a whole number")
        }
        (Kind::Integer, Number::Float(_)) => {
            format!("expected a whole number, because the field is of type `{written}`")
        }
        _ => return Ok(()),
    };
    Err(Error::new(limit.span, message))
}

fn order(rules: &Rules) -> Result<()> {
    match (&rules.min, &rules.max) {
        (Some(min), Some(max)) if min.number.float() > max.number.float() => Err(Error::new(
            min.span,
            "`min` is above `max`, so that no value keeps both",
        )),
        _ => Ok(()),
    }
}

fn text_only(shape: &Shape, rules: &Rules) -> Result<()> {
    if matches!(shape.kind, Kind::Text | Kind::Unknown) {
        return Ok(());
    }
    let mut errors = Errors::default();
    let pattern = rules.pattern.as_ref().map(|literal| ("pattern", literal));
    let choices = rules.choices.first().map(|literal| ("choices", literal));
    for (name, literal) in pattern.into_iter().chain(choices) {
        let written = &shape.written;
        let message = format!("`{name}` fits text, found a field of type `{written}`");
        errors.push(Error::new(literal.span(), message));
    }
    errors.finish()
}

/// Refuses an expression that does not compile, alone or anchored as it is used.
fn compiles(literal: &LitStr) -> Result<()> {
    let source = literal.value();
    let anchored = format!("^(?:{source})$");
    for expression in [&source, &anchored] {
        if let Err(error) = Parser::new().parse(expression) {
            let what = match &error {
                regex_syntax::Error::Parse(error) => error.kind().to_string(),
                regex_syntax::Error::Translate(error) => error.kind().to_string(),
                other => other.to_string(),
            };
            let message = format!("the pattern does not compile: {what}");
            return Err(Error::new_spanned(literal, message));
        }
    }
    Ok(())
}

fn decimal_only(shape: &Shape, rules: &Rules) -> Result<()> {
    match rules.scale {
        Some((span, _)) if !matches!(shape.kind, Kind::Decimal | Kind::Unknown) => {
            let written = &shape.written;
            let message = format!("`scale` fits `Decimal`, found a field of type `{written}`");
            Err(Error::new(span, message))
        }
        _ => Ok(()),
    }
}

fn table_only(owner: Owner, rules: &Rules) -> Result<()> {
    let mut errors = Errors::default();
    for (name, span) in [("unique", rules.unique), ("index", rules.index)] {
        if let Some(span) = span
            && !owner.is_record()
        {
            let message = format!(
                "`{name}` fits the table of an aggregate or a projection; {} has none",
                owner.described()
            );
            errors.push(Error::new(span, message));
        }
    }
    errors.finish()
}

fn default(owner: Owner, shape: &Shape, rules: &Rules) -> Result<()> {
    match &rules.default {
        Some((span, _)) if owner.is_record() && shape.optional => {
            let message = "the store cannot tell a missing value from one that is absent; drop \
                           `default` or the `Option`";
            Err(Error::new(*span, message))
        }
        _ => Ok(()),
    }
}

/// A rule of which only the compiler can tell whether it fits the field's type.
pub(crate) struct Unproven {
    /// Where the rule stands.
    pub(crate) span: Span,
    /// Its key.
    pub(crate) rule: &'static str,
    /// What it fits, for messages.
    pub(crate) fits: &'static str,
    /// The variants of `schema::Kind` that it fits.
    pub(crate) kinds: &'static [&'static str],
}

impl Field {
    /// The rules on a field whose type the macro knows nothing of.
    pub(crate) fn unproven(&self) -> Vec<Unproven> {
        if self.shape.kind != Kind::Unknown {
            return Vec::new();
        }
        let rules = &self.rules;
        let limit = |rule, limit: &Option<Limit>| {
            let (fits, kinds) = (
                "text and numbers",
                &["Text", "Integer", "Float", "Decimal"][..],
            );
            limit.as_ref().map(|limit| Unproven {
                span: limit.span,
                rule,
                fits,
                kinds,
            })
        };
        let text = |rule, literal: Option<&LitStr>| {
            let (fits, kinds) = ("text", &["Text"][..]);
            literal.map(|literal| Unproven {
                span: literal.span(),
                rule,
                fits,
                kinds,
            })
        };
        let scale = rules.scale.map(|(span, _)| Unproven {
            span,
            rule: "scale",
            fits: "decimals",
            kinds: &["Decimal"],
        });
        let all = [
            limit("max", &rules.max),
            limit("min", &rules.min),
            text("pattern", rules.pattern.as_ref()),
            text("choices", rules.choices.first()),
            scale,
        ];
        all.into_iter().flatten().collect()
    }
}
