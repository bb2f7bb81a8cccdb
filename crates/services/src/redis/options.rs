//! How a Redis server is set up.

use std::path::PathBuf;

/// How a server is set up. The default keeps nothing, and lets everybody in.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// What it keeps over a restart.
    pub persistence: Persistence,
    /// How much memory it may use, in bytes; a write beyond is refused, unless a `maxmemory-policy`
    /// among the settings says otherwise.
    pub max_memory: Option<u64>,
    /// Who may use it; everybody when there is no login.
    pub login: Option<Login>,
    /// What its connections are encrypted with, if they are.
    pub tls: Option<Tls>,
    /// Whether it is a cluster.
    pub mode: Mode,
    /// Directives of `redis.conf`, by name. They go before those that are set here.
    pub settings: Vec<(String, String)>,
}

/// What a server keeps over a restart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Persistence {
    /// Nothing.
    #[default]
    None,
    /// Everything: a write is on the disk before it is confirmed.
    AppendOnly,
}

/// Whether a server is a cluster.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    /// A server by itself.
    #[default]
    Single,
    /// A cluster of one node, which has all slots.
    Cluster,
}

/// The one user of a server, who may do everything.
#[derive(Debug, Clone)]
pub struct Login {
    /// The name; `default` is whom a client is that says only a password.
    pub user: String,
    /// The password.
    pub password: String,
}

/// The files that a server encrypts its connections with. Clients need no certificate.
#[derive(Debug, Clone)]
pub struct Tls {
    /// The certificate of the server, for the address 127.0.0.1.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// The certificate of the authority that signed it.
    pub authority: PathBuf,
}

impl Login {
    /// The part of a URI that logs in.
    pub(super) fn in_uri(&self) -> String {
        format!("{}:{}@", encoded(&self.user), encoded(&self.password))
    }
}

/// A text in which everything that could mean something in a URI is encoded.
fn encoded(text: &str) -> String {
    let mut uri = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_may_have_any_characters() {
        let login = Login {
            user: "ann".to_owned(),
            password: "a/b@c: ü".to_owned(),
        };
        assert_eq!(login.in_uri(), "ann:a%2Fb%40c%3A%20%C3%BC@");
    }
}
