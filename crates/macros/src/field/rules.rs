//! The keys of `#[field(…)]`.

use proc_macro2::{Literal, Span, TokenStream};
use quote::{ToTokens, quote};
use syn::meta::ParseNestedMeta;
use syn::punctuated::Punctuated;
use syn::{Attribute, Error, Expr, Lit, LitInt, LitStr, Path, Result, Token, parenthesized};

use crate::attribute::{self, Keys};

const KEYS: Keys = Keys {
    attribute: "field",
    accepted: &[
        "max", "min", "pattern", "choices", "default", "with", "unique", "index", "scale",
    ],
};

/// What stands in for a missing value.
pub(crate) enum Default {
    /// The type's own default.
    Own,
    /// This value.
    Value(Expr),
}

/// A bound.
pub(crate) struct Limit {
    pub(crate) number: Number,
    pub(crate) span: Span,
}

/// The value of a bound.
#[derive(Clone, Copy)]
pub(crate) enum Number {
    Integer(i64),
    Float(f64),
}

/// What `#[field(…)]` says.
#[derive(std::default::Default)]
pub(crate) struct Rules {
    pub(crate) max: Option<Limit>,
    pub(crate) min: Option<Limit>,
    pub(crate) pattern: Option<LitStr>,
    pub(crate) choices: Vec<LitStr>,
    pub(crate) default: Option<(Span, Default)>,
    pub(crate) with: Option<Path>,
    pub(crate) unique: Option<Span>,
    pub(crate) index: Option<Span>,
    pub(crate) scale: Option<(Span, u32)>,
}

impl Rules {
    /// Reads every `#[field(…)]` among the attributes.
    pub(crate) fn parse(attributes: &[Attribute]) -> Result<Self> {
        let mut rules = Self::default();
        KEYS.read_all(attributes, |key, meta| rules.read(key, meta))?;
        Ok(rules)
    }

    fn read(&mut self, key: &str, meta: &ParseNestedMeta<'_>) -> Result<()> {
        let span = meta.path.segments[0].ident.span();
        match key {
            "max" => self.max = Some(Limit::parse(meta, "max = 200")?),
            "min" => self.min = Some(Limit::parse(meta, "min = 0")?),
            "pattern" => self.pattern = Some(attribute::value(meta, "pattern = \"[a-z]+\"")?),
            "choices" => self.choices = choices(meta)?,
            "default" => self.default = Some((span, default(meta)?)),
            "with" => self.with = Some(attribute::value(meta, "with = checks::isbn")?),
            "unique" => {
                attribute::flag(meta, key)?;
                self.unique = Some(span);
            }
            "index" => {
                attribute::flag(meta, key)?;
                self.index = Some(span);
            }
            _ => self.scale = Some((span, scale(meta)?)),
        }
        Ok(())
    }
}

impl Limit {
    fn parse(meta: &ParseNestedMeta<'_>, example: &str) -> Result<Self> {
        let literal: Lit = attribute::value(meta, example)?;
        let number = match &literal {
            Lit::Int(whole) => Number::Integer(whole.base10_parse()?),
            Lit::Float(real) => Number::Float(real.base10_parse()?),
            other => {
                let message = format!("expected a number, as in `{example}`");
                return Err(Error::new_spanned(other, message));
            }
        };
        if let Number::Float(real) = number
            && !real.is_finite()
        {
            return Err(Error::new_spanned(
                literal,
                "expected a number that an f64 can hold",
            ));
        }
        Ok(Self {
            number,
            span: literal.span(),
        })
    }
}

impl Number {
    /// The value for comparing bounds with one another.
    #[allow(
        clippy::cast_precision_loss,
        reason = "only the order of two bounds is looked at"
    )]
    pub(crate) const fn float(self) -> f64 {
        match self {
            Self::Integer(whole) => whole as f64,
            Self::Float(real) => real,
        }
    }
}

impl ToTokens for Limit {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        tokens.extend(match self.number {
            Number::Integer(whole) => {
                let whole = Literal::i64_unsuffixed(whole);
                quote!(::protean::schema::Limit::Integer(#whole))
            }
            Number::Float(real) => {
                let real = Literal::f64_unsuffixed(real);
                quote!(::protean::schema::Limit::Float(#real))
            }
        });
    }
}

fn choices(meta: &ParseNestedMeta<'_>) -> Result<Vec<LitStr>> {
    if !meta.input.peek(syn::token::Paren) {
        return Err(meta.error("expected the texts allowed, as in `choices(\"open\", \"closed\")`"));
    }
    let content;
    parenthesized!(content in meta.input);
    let texts = Punctuated::<LitStr, Token![,]>::parse_terminated(&content)?;
    if texts.is_empty() {
        return Err(meta.error("expected at least one text, as in `choices(\"open\")`"));
    }
    let mut seen = Vec::new();
    for text in &texts {
        if seen.contains(&text.value()) {
            let message = format!("\"{}\" is listed twice", text.value());
            return Err(Error::new_spanned(text, message));
        }
        seen.push(text.value());
    }
    Ok(texts.into_iter().collect())
}

fn default(meta: &ParseNestedMeta<'_>) -> Result<Default> {
    if meta.input.peek(Token![=]) {
        return Ok(Default::Value(meta.value()?.parse()?));
    }
    attribute::flag(meta, "default")?;
    Ok(Default::Own)
}

fn scale(meta: &ParseNestedMeta<'_>) -> Result<u32> {
    let literal: LitInt = attribute::value(meta, "scale = 2")?;
    let digits: u32 = literal.base10_parse()?;
    if digits > SCALE_MAX {
        let message = format!("expected at most {SCALE_MAX} digits, found {digits}");
        return Err(Error::new_spanned(literal, message));
    }
    Ok(digits)
}

/// The most digits that a `Decimal` keeps after its point.
const SCALE_MAX: u32 = 28;
