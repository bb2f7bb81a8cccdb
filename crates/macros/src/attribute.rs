//! Reading attributes: their keys, and the words of doc comments.

use proc_macro2::Span;
use syn::ext::IdentExt;
use syn::meta::ParseNestedMeta;
use syn::parse::{Parse, Parser};
use syn::spanned::Spanned;
use syn::{Attribute, Error, Expr, ExprLit, Lit, Meta, Result};

/// The keys of one attribute.
pub(crate) struct Keys {
    /// The attribute's name.
    pub(crate) attribute: &'static str,
    /// The keys it accepts.
    pub(crate) accepted: &'static [&'static str],
}

impl Keys {
    /// Calls `read` for every key of every attribute with this name; refuses unknown and repeated
    /// keys.
    pub(crate) fn read_all(
        &self,
        attributes: &[Attribute],
        mut read: impl FnMut(&str, &ParseNestedMeta<'_>) -> Result<()>,
    ) -> Result<()> {
        let mut seen = Vec::new();
        for attribute in attributes
            .iter()
            .filter(|known| known.path().is_ident(self.attribute))
        {
            let Meta::List(_) = attribute.meta else {
                let name = self.attribute;
                let message = format!("expected `#[{name}(…)]`; {}", self.listed());
                return Err(Error::new_spanned(attribute, message));
            };
            attribute.parse_nested_meta(|meta| self.read(&mut seen, &meta, &mut read))?;
        }
        Ok(())
    }

    /// Calls `read` for every key among the arguments of an attribute macro.
    pub(crate) fn read_arguments(
        &self,
        arguments: proc_macro2::TokenStream,
        mut read: impl FnMut(&str, &ParseNestedMeta<'_>) -> Result<()>,
    ) -> Result<()> {
        let mut seen = Vec::new();
        syn::meta::parser(|meta| self.read(&mut seen, &meta, &mut read)).parse2(arguments)
    }

    fn read(
        &self,
        seen: &mut Vec<String>,
        meta: &ParseNestedMeta<'_>,
        read: &mut impl FnMut(&str, &ParseNestedMeta<'_>) -> Result<()>,
    ) -> Result<()> {
        let key = meta
            .path
            .get_ident()
            .map(|ident| ident.unraw().to_string())
            .unwrap_or_default();
        if !self.accepted.contains(&key.as_str()) {
            let found = meta
                .path
                .segments
                .iter()
                .map(|segment| segment.ident.to_string());
            let found = found.collect::<Vec<_>>().join("::");
            return Err(meta.error(format!("unknown key `{found}`; {}", self.listed())));
        }
        if seen.contains(&key) {
            return Err(meta.error(format!("`{key}` is given twice; keep one")));
        }
        seen.push(key.clone());
        read(&key, meta)
    }

    fn listed(&self) -> String {
        let keys: Vec<String> = self.accepted.iter().map(|key| format!("`{key}`")).collect();
        match keys.as_slice() {
            [] => format!("`#[{}]` takes no keys", self.attribute),
            [key] => format!("the only key of `#[{}(…)]` is {key}", self.attribute),
            keys => format!(
                "the keys of `#[{}(…)]` are {}",
                self.attribute,
                keys.join(", ")
            ),
        }
    }
}

/// The value after the `=` of a key.
pub(crate) fn value<T: Parse>(meta: &ParseNestedMeta<'_>, example: &str) -> Result<T> {
    if !meta.input.peek(syn::Token![=]) {
        return Err(meta.error(format!("expected a value, as in `{example}`")));
    }
    meta.value()?.parse()
}

/// Refuses a value after a key that is a mere flag.
pub(crate) fn flag(meta: &ParseNestedMeta<'_>, key: &str) -> Result<()> {
    if meta.input.is_empty() || meta.input.peek(syn::Token![,]) {
        return Ok(());
    }
    Err(meta.error(format!("`{key}` takes no value; write `{key}` alone")))
}

/// Where the bare attribute with this name stands, if it is there.
pub(crate) fn marker(attributes: &[Attribute], name: &str) -> Result<Option<Span>> {
    let mut found = None;
    for attribute in attributes
        .iter()
        .filter(|known| known.path().is_ident(name))
    {
        if !matches!(attribute.meta, Meta::Path(_)) {
            let message = format!("`#[{name}]` takes nothing; write `#[{name}]` alone");
            return Err(Error::new_spanned(attribute, message));
        }
        if found.is_some() {
            return Err(Error::new_spanned(
                attribute,
                format!("`#[{name}]` is given twice"),
            ));
        }
        found = Some(attribute.path().span());
    }
    Ok(found)
}

/// The words of the doc comments.
pub(crate) fn doc(attributes: &[Attribute]) -> String {
    let mut lines = Vec::new();
    for attribute in attributes
        .iter()
        .filter(|known| known.path().is_ident("doc"))
    {
        if let Meta::NameValue(pair) = &attribute.meta
            && let Expr::Lit(ExprLit {
                lit: Lit::Str(text),
                ..
            }) = &pair.value
        {
            let text = text.value();
            let stripped = text
                .split('\n')
                .map(|line| line.strip_prefix(' ').unwrap_or(line));
            lines.extend(stripped.map(|line| line.trim_end().to_owned()));
        }
    }
    lines.join("\n").trim().to_owned()
}
