//! Whom PostgreSQL runs as: it refuses to run as root, which is who tests run as in a container.

use std::ffi::OsString;
use std::os::unix::fs::chown;
use std::path::Path;
use std::process::Command;

use crate::Error;

/// The account that the packages of PostgreSQL make.
const NAME: &str = "postgres";

/// An account to run a server as.
#[derive(Debug)]
pub(crate) struct Account {
    user: u32,
    group: u32,
}

impl Account {
    /// The account of PostgreSQL when this process is root, or none: then it runs as ourselves.
    ///
    /// # Errors
    /// When there is no such account.
    pub(crate) fn if_root() -> Result<Option<Self>, Error> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let (user, group) = (id("-u")?, id("-g")?);
        Ok(Some(Self { user, group }))
    }

    /// Gives it a folder.
    ///
    /// # Errors
    /// When the operating system refuses.
    pub(crate) fn own(&self, folder: &Path) -> Result<(), Error> {
        let what = || format!("give {} to the account {NAME}", folder.display());
        chown(folder, Some(self.user), Some(self.group)).map_err(|source| Error::Refused {
            what: what(),
            source,
        })
    }

    /// The words in front of a command that make it run as this account, in the same process.
    pub(crate) fn prefix(&self) -> Vec<OsString> {
        let user = format!("--reuid={}", self.user);
        let group = format!("--regid={}", self.group);
        let words = ["setpriv", &user, &group, "--clear-groups", "--"];
        words.map(OsString::from).to_vec()
    }
}

/// One number of the account, as `id` says it.
fn id(option: &str) -> Result<u32, Error> {
    let missing = |why: String| Error::MissingAccount { name: NAME, why };
    let output = Command::new("id")
        .args([option, NAME])
        .output()
        .map_err(|error| missing(error.to_string()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim()
        .parse()
        .map_err(|_| missing(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
}
