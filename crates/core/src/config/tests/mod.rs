mod problems;
mod values;

use super::{Config, Error};

/// Reads a text without variables.
fn parse(text: &str) -> Result<Config, Error> {
    Config::parse(text, "domain.toml", None, &|_| None)
}

/// What is wrong with a text, one line each.
fn problems(text: &str) -> Vec<String> {
    let error = parse(text).unwrap_err();
    error.problems().iter().map(ToString::to_string).collect()
}
