//! The report of everything that is wrong with a value.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

/// All rule violations of one value, field by field.
///
/// As JSON it is `{field: [messages]}`, the body of a 400 answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Invalid {
    fields: BTreeMap<String, Vec<String>>,
}

impl Invalid {
    /// A report with one violation.
    #[must_use]
    pub fn field(name: impl Into<String>, message: impl Into<String>) -> Self {
        let mut invalid = Self::default();
        invalid.add(name, message);
        invalid
    }

    /// Adds a violation.
    pub fn add(&mut self, name: impl Into<String>, message: impl Into<String>) {
        self.fields
            .entry(name.into())
            .or_default()
            .push(message.into());
    }

    /// Adds all violations of another report.
    pub fn merge(&mut self, other: Self) {
        for (name, messages) in other.fields {
            self.fields.entry(name).or_default().extend(messages);
        }
    }

    /// The violations, by field.
    #[must_use]
    pub const fn fields(&self) -> &BTreeMap<String, Vec<String>> {
        &self.fields
    }

    /// `Ok` when nothing was reported.
    ///
    /// # Errors
    /// The report itself, when it holds a violation.
    pub fn into_result(self) -> Result<(), Self> {
        if self.fields.is_empty() {
            Ok(())
        } else {
            Err(self)
        }
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[PE0101] ")?;
        for (nth, (name, messages)) in self.fields.iter().enumerate() {
            let separator = if nth == 0 { "" } else { "; " };
            write!(f, "{separator}{name}: {}", messages.join(", "))?;
        }
        Ok(())
    }
}

impl std::error::Error for Invalid {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_violations_are_told_together() {
        let mut invalid = Invalid::field("title", "is required");
        invalid.add("price", "must be at least 0, found -1");
        invalid.add("title", "must not be a palindrome");
        assert_eq!(
            invalid.to_string(),
            "[PE0101] price: must be at least 0, found -1; title: is required, must not be a palindrome"
        );
        assert!(invalid.into_result().is_err());
        assert!(Invalid::default().into_result().is_ok());
    }
}
