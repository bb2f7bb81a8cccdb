//! Texts that must not be seen in logs.

use std::fmt;

/// A text that may hold a password: shown without it, used with it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// What is shown in the place of a password.
const MASK: &str = "***";

impl Secret {
    /// The text, to be kept from view.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The whole text, for the one who needs it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The text with the password masked, if it is a URI; nothing of it otherwise.
    fn masked(&self) -> String {
        let Some((scheme, rest)) = self.0.split_once("://") else {
            return MASK.to_owned();
        };
        // The last one, since a password that was not encoded may hold one itself, or a `?`.
        let Some((user, host)) = rest.rsplit_once('@') else {
            return format!("{scheme}://{}", without_parameters(rest));
        };
        let host = without_parameters(host);
        let user = user.split(':').next().unwrap_or_default();
        format!("{scheme}://{user}:{MASK}@{host}")
    }
}

/// What comes before the parameters, which may carry passwords, too.
fn without_parameters(text: &str) -> &str {
    text.split(['?', '#']).next().unwrap_or_default()
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_password_is_shown() {
        let shown = |text: &str| Secret::new(text).to_string();
        let uri = "postgresql://shop:p@s/s@db:5432/shop?password=x";
        assert_eq!(shown(uri), "postgresql://shop:***@db:5432/shop");
        assert_eq!(
            shown("redis://localhost:6379/0"),
            "redis://localhost:6379/0"
        );
        assert_eq!(shown("host=db password=x"), "***");
        assert_eq!(format!("{:?}", Secret::new("x")), "***");
        assert_eq!(Secret::new(uri).reveal(), uri);
    }
}
