//! The launcher's own option among those of the program.

use std::ffi::OsString;

const OPTION: &str = "--domain";

/// The arguments, apart.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Arguments {
    /// What `--domain` says; the last one counts.
    pub(crate) domain: Option<String>,
    /// All others, in their order.
    pub(crate) rest: Vec<OsString>,
}

impl Arguments {
    /// Takes `--domain NAME` and `--domain=NAME` out; what follows `--` stays as it is.
    pub(crate) fn read(words: impl IntoIterator<Item = OsString>) -> Self {
        let mut words = words.into_iter();
        let mut arguments = Self::default();
        while let Some(word) = words.next() {
            let text = word.to_string_lossy();
            if text == "--" {
                arguments.rest.push(word);
                arguments.rest.extend(words);
                break;
            } else if text == OPTION {
                arguments.domain = words.next().map(|name| name.to_string_lossy().into_owned());
            } else if let Some(name) = text.strip_prefix("--domain=") {
                arguments.domain = Some(name.to_owned());
            } else {
                arguments.rest.push(word);
            }
        }
        arguments
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> (Option<String>, String) {
        let arguments = Arguments::read(line.split_whitespace().map(OsString::from));
        let rest: Vec<_> = arguments
            .rest
            .iter()
            .map(|word| word.to_string_lossy())
            .collect();
        (arguments.domain, rest.join(" "))
    }

    #[test]
    fn the_domain_may_stand_anywhere() {
        let shop = Some("shop".to_owned());
        let expected = (shop, "subscriptions status --json".to_owned());
        assert_eq!(read("--domain shop subscriptions status --json"), expected);
        assert_eq!(read("subscriptions --domain=shop status --json"), expected);
        assert_eq!(read("subscriptions status --json --domain shop"), expected);
    }

    #[test]
    fn what_follows_two_dashes_is_the_programs() {
        let expected = (None, "events read -- --domain x".to_owned());
        assert_eq!(read("events read -- --domain x"), expected);
        assert_eq!(read("server --domain").0, None);
    }
}
