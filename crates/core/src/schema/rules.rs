//! The rules that a field's values obey.

use std::fmt;
use std::sync::OnceLock;

use regex::Regex;
use rust_decimal::Decimal;
use rust_decimal::prelude::FromPrimitive;

use super::{Field, Invalid, Measure};

/// A bound: a number of characters for text, a value for numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Limit {
    /// A whole bound.
    Integer(i64),
    /// A bound with a fraction.
    Float(f64),
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(limit) => write!(f, "{limit}"),
            Self::Float(limit) => write!(f, "{limit}"),
        }
    }
}

impl Limit {
    fn decimal(self) -> Option<Decimal> {
        match self {
            Self::Integer(limit) => Some(Decimal::from(limit)),
            Self::Float(limit) => Decimal::from_f64(limit),
        }
    }

    #[allow(clippy::cast_precision_loss, reason = "a bound on a float is a float")]
    const fn float(self) -> f64 {
        match self {
            Self::Integer(limit) => limit as f64,
            Self::Float(limit) => limit,
        }
    }
}

/// A regular expression that the whole text must match, compiled at its first use.
///
/// The derive refuses an expression that does not compile.
#[derive(Debug)]
pub struct Pattern {
    source: &'static str,
    compiled: OnceLock<Option<Regex>>,
}

impl Pattern {
    /// A pattern with this expression.
    #[must_use]
    pub const fn new(source: &'static str) -> Self {
        Self {
            source,
            compiled: OnceLock::new(),
        }
    }

    /// Whether the whole of `text` matches. An expression that does not compile matches nothing.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        self.compiled
            .get_or_init(|| Regex::new(&format!("^(?:{})$", self.source)).ok())
            .as_ref()
            .is_some_and(|regex| regex.is_match(text))
    }

    /// The expression as it was written.
    #[must_use]
    pub const fn source(&self) -> &'static str {
        self.source
    }
}

/// The rules of one field; an absent rule allows everything.
#[derive(Debug)]
pub struct Rules {
    /// The greatest value, or the greatest number of characters.
    pub max: Option<Limit>,
    /// The least value, or the least number of characters.
    pub min: Option<Limit>,
    /// What text must look like.
    pub pattern: Option<Pattern>,
    /// The only texts allowed; empty means any.
    pub choices: &'static [&'static str],
}

impl Rules {
    /// No rules at all.
    pub const NONE: Self = Self {
        max: None,
        min: None,
        pattern: None,
        choices: &[],
    };
}

impl Field {
    /// Checks a value against the field's rules and adds each violation to `invalid`.
    pub fn check(&self, value: Measure<'_>, invalid: &mut Invalid) {
        match value {
            Measure::Absent | Measure::Other => {}
            Measure::Text(text) => self.check_text(text, invalid),
            Measure::Integer(number) => self.check_number(&number, Decimal::from(number), invalid),
            Measure::Decimal(number) => self.check_number(&number, number, invalid),
            Measure::Float(number) => self.check_float(number, invalid),
        }
    }

    fn check_text(&self, text: &str, invalid: &mut Invalid) {
        if text.is_empty() && !self.optional && !self.defaulted {
            return invalid.add(self.name, "is required");
        }
        if let Some(max) = self.rules.max
            && exceeds(text, max)
        {
            let found = text.chars().count();
            invalid.add(
                self.name,
                format!("must have at most {max} characters, found {found}"),
            );
        }
        if let Some(min) = self.rules.min
            && characters(text) < min.float()
        {
            let found = text.chars().count();
            invalid.add(
                self.name,
                format!("must have at least {min} characters, found {found}"),
            );
        }
        if let Some(pattern) = &self.rules.pattern
            && !pattern.matches(text)
        {
            invalid.add(
                self.name,
                format!("must match {}, found \"{text}\"", pattern.source()),
            );
        }
        if !self.rules.choices.is_empty() && !self.rules.choices.contains(&text) {
            let choices = self.rules.choices.join(", ");
            invalid.add(
                self.name,
                format!("must be one of {choices}, found \"{text}\""),
            );
        }
    }

    fn check_number(&self, shown: &dyn fmt::Display, number: Decimal, invalid: &mut Invalid) {
        if let Some(max) = self.rules.max
            && max.decimal().is_some_and(|limit| number > limit)
        {
            invalid.add(self.name, format!("must be at most {max}, found {shown}"));
        }
        if let Some(min) = self.rules.min
            && min.decimal().is_some_and(|limit| number < limit)
        {
            invalid.add(self.name, format!("must be at least {min}, found {shown}"));
        }
    }

    fn check_float(&self, number: f64, invalid: &mut Invalid) {
        if !number.is_finite() {
            return invalid.add(
                self.name,
                format!("must be a finite number, found {number}"),
            );
        }
        if let Some(max) = self.rules.max
            && number > max.float()
        {
            invalid.add(self.name, format!("must be at most {max}, found {number}"));
        }
        if let Some(min) = self.rules.min
            && number < min.float()
        {
            invalid.add(self.name, format!("must be at least {min}, found {number}"));
        }
    }
}

/// Whether `text` has more characters than `limit`; counts only when bytes alone cannot tell.
fn exceeds(text: &str, limit: Limit) -> bool {
    #[allow(clippy::cast_precision_loss, reason = "lengths are far below 2^52")]
    let bytes = text.len() as f64;
    bytes > limit.float() && characters(text) > limit.float()
}

#[allow(clippy::cast_precision_loss, reason = "lengths are far below 2^52")]
fn characters(text: &str) -> f64 {
    text.chars().count() as f64
}

#[cfg(test)]
mod tests {
    use super::super::Kind;
    use super::*;

    fn field(kind: Kind, rules: Rules) -> Field {
        Field {
            name: "field",
            kind,
            optional: false,
            identifier: false,
            unique: false,
            indexed: false,
            defaulted: false,
            scale: None,
            rules,
            doc: "",
        }
    }

    fn violations(field: &Field, measure: Measure<'_>) -> Vec<String> {
        let mut invalid = Invalid::default();
        field.check(measure, &mut invalid);
        invalid.fields().values().flatten().cloned().collect()
    }

    #[test]
    fn text_is_measured_in_characters() {
        let title = field(
            Kind::Text,
            Rules {
                max: Some(Limit::Integer(3)),
                ..Rules::NONE
            },
        );
        assert!(violations(&title, Measure::Text("日本語")).is_empty());
        assert_eq!(
            violations(&title, Measure::Text("日本語だ")),
            ["must have at most 3 characters, found 4"]
        );
        assert_eq!(violations(&title, Measure::Text("")), ["is required"]);
    }

    #[test]
    fn every_rule_speaks() {
        let code = field(
            Kind::Text,
            Rules {
                min: Some(Limit::Integer(4)),
                pattern: Some(Pattern::new("[a-z]+")),
                choices: &["abcd", "efgh"],
                ..Rules::NONE
            },
        );
        assert_eq!(
            violations(&code, Measure::Text("A1")),
            [
                "must have at least 4 characters, found 2",
                "must match [a-z]+, found \"A1\"",
                "must be one of abcd, efgh, found \"A1\"",
            ]
        );
        assert!(violations(&code, Measure::Text("efgh")).is_empty());
    }

    #[test]
    fn numbers_are_compared_exactly() {
        let rules = Rules {
            min: Some(Limit::Float(0.1)),
            max: Some(Limit::Integer(5)),
            ..Rules::NONE
        };
        let price = field(Kind::Decimal, rules);
        let decimal = |text: &str| Measure::Decimal(text.parse().expect("a decimal"));
        assert!(violations(&price, decimal("0.1")).is_empty());
        assert_eq!(
            violations(&price, decimal("0.09")),
            ["must be at least 0.1, found 0.09"]
        );
        assert_eq!(
            violations(&price, decimal("5.01")),
            ["must be at most 5, found 5.01"]
        );
        assert_eq!(
            violations(&price, Measure::Integer(6)),
            ["must be at most 5, found 6"]
        );
        assert_eq!(
            violations(&price, Measure::Float(f64::NAN)),
            ["must be a finite number, found NaN"]
        );
    }

    #[test]
    fn a_pattern_must_match_the_whole_text() {
        let pattern = Pattern::new("a|b");
        assert!(pattern.matches("a"));
        assert!(!pattern.matches("ab"));
        assert!(!Pattern::new("(").matches("("));
    }
}
