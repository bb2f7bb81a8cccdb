//! The configuration file of a Redis server.
//!
//! A file rather than arguments, because everybody on a machine can read the arguments of a process,
//! and passwords are among them.

use std::path::Path;

use super::{Login, Options, Persistence, Tls};
use crate::Error;
use crate::port::Port;

/// The directives of a server whose data is in `folder`, each on a line.
///
/// # Errors
/// When the path of a certificate cannot be made absolute.
pub(super) fn text(
    folder: &Path,
    port: &Port,
    cluster: Option<&Port>,
    options: &Options,
) -> Result<String, Error> {
    let mut lines = vec![
        directive("bind", &[&port.address().ip().to_string()]),
        directive("dir", &[&folder.to_string_lossy()]),
    ];
    lines.extend(persistence(options.persistence));
    lines.extend(listen(port, options.tls.as_ref())?);
    lines.extend(cluster.into_iter().flat_map(one_node));
    lines.extend(options.login.iter().flat_map(users));
    let memory = options.max_memory.map(|bytes| bytes.to_string());
    lines.extend(memory.map(|bytes| directive("maxmemory", &[&bytes])));
    let asked = options.settings.iter();
    // The value of a directive may be several words, so it stands as it was given.
    lines.extend(asked.map(|(name, value)| format!("{name} {value}")));
    lines.push(String::new());
    Ok(lines.join("\n"))
}

fn persistence(persistence: Persistence) -> Vec<String> {
    let mut lines = vec![directive("save", &[""])];
    match persistence {
        Persistence::None => lines.push(directive("appendonly", &["no"])),
        Persistence::AppendOnly => {
            lines.push(directive("appendonly", &["yes"]));
            lines.push(directive("appendfsync", &["always"]));
        }
    }
    lines
}

fn listen(port: &Port, tls: Option<&Tls>) -> Result<Vec<String>, Error> {
    let number = port.number().to_string();
    let Some(tls) = tls else {
        return Ok(vec![directive("port", &[&number])]);
    };
    let file = |name, path: &Path| {
        let what = format!("find {}", path.display());
        let path = std::path::absolute(path).map_err(Error::refused(what))?;
        Ok(directive(name, &[&path.to_string_lossy()]))
    };
    Ok(vec![
        directive("port", &["0"]),
        directive("tls-port", &[&number]),
        directive("tls-cluster", &["yes"]),
        directive("tls-auth-clients", &["no"]),
        file("tls-cert-file", &tls.certificate)?,
        file("tls-key-file", &tls.key)?,
        file("tls-ca-cert-file", &tls.authority)?,
    ])
}

/// A cluster's only node does not know its address, which others would tell it.
fn one_node(port: &Port) -> [String; 3] {
    [
        directive("cluster-enabled", &["yes"]),
        directive("cluster-port", &[&port.number().to_string()]),
        directive("cluster-announce-ip", &[&port.address().ip().to_string()]),
    ]
}

/// The user that may do everything, and that nobody is somebody else.
fn users(login: &Login) -> Vec<String> {
    let password = format!(">{}", login.password);
    let all = ["reset", "on", &password, "~*", "&*", "+@all"];
    let words: Vec<_> = [login.user.as_str()].into_iter().chain(all).collect();
    let mut lines = vec![directive("user", &words)];
    if login.user != "default" {
        lines.push(directive("user", &["default", "reset", "off"]));
    }
    lines
}

/// A line of the file, with every value in quotes.
fn directive(name: &str, values: &[&str]) -> String {
    let quoted = values.iter().map(|value| {
        let value = value.replace('\\', "\\\\").replace('"', "\\\"");
        format!(" \"{value}\"")
    });
    quoted.fold(name.to_owned(), |line, value| line + &value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_may_have_any_characters() {
        let line = directive("user", &["a b", r#"c"d\"#]);
        assert_eq!(line, r#"user "a b" "c\"d\\""#);
    }

    #[test]
    fn what_was_asked_comes_last() {
        let port = Port::reserve().unwrap();
        let options = Options {
            max_memory: Some(1024),
            settings: vec![("maxmemory-policy".to_owned(), "allkeys-lru".to_owned())],
            ..Options::default()
        };
        let text = text(Path::new("folder"), &port, None, &options).unwrap();
        let end = "maxmemory \"1024\"\nmaxmemory-policy allkeys-lru\n";
        assert!(text.ends_with(end), "{text}");
    }
}
