//! Asking before something is done that cannot be undone.

use std::io::{self, BufRead, IsTerminal, Write};

use crate::Error;

/// Asks on the terminal whether something is to be done: `Purge 12 messages`.
///
/// # Errors
/// When the answer is not yes, or there is no terminal to ask on.
pub(crate) fn confirm(question: &str) -> Result<(), Error> {
    if !io::stdin().is_terminal() {
        return Err(Error::Unasked {
            what: question.to_owned(),
        });
    }
    ask(question, &mut io::stdin().lock(), &mut io::stderr())
}

fn ask(question: &str, from: &mut impl BufRead, to: &mut impl Write) -> Result<(), Error> {
    write!(to, "{question}? [y/N] ")?;
    to.flush()?;
    let mut answer = String::new();
    from.read_line(&mut answer)?;
    match answer.trim().to_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Error::Declined),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_yes_is_a_yes() {
        for (answer, passes) in [
            ("y\n", true),
            (" YES\n", true),
            ("n\n", false),
            ("yesterday\n", false),
            ("\n", false),
            ("", false),
        ] {
            let mut asked = Vec::new();
            let result = ask("Purge 2 messages", &mut answer.as_bytes(), &mut asked);
            assert_eq!(result.is_ok(), passes, "{answer:?}");
            assert_eq!(asked, b"Purge 2 messages? [y/N] ");
        }
    }
}
