//! Sessions that stand back.
//!
//! Threads of backfill run when nobody else wants their processor. What they ask of PostgreSQL is
//! done by a process of its own for each session, which nothing in SQL can make stand back: where it
//! runs on this machine, and this process may, it is told so by the operating system. Elsewhere a
//! server with a processor to spare is the database's own affair, and the governor's.

use std::fs;

use deadpool_postgres::{ClientWrapper, Hook, HookError};

/// Who serves a connection, and the port of this end of it, if it has one.
const SESSION: &str = "SELECT pg_backend_pid(), inet_client_port()";

/// Such a session gets what the others leave, and a tenth of what each of them gets of a processor
/// that everybody wants, so that a lock it has is given back, and an import goes on (L6).
const NICE: i32 = 10;

/// Has the session of every connection that is made stand back.
pub(super) fn hook() -> Hook {
    Hook::async_fn(|client: &mut ClientWrapper, _| {
        Box::pin(async move { ask(client).await.map_err(HookError::Backend) })
    })
}

async fn ask(client: &ClientWrapper) -> Result<(), tokio_postgres::Error> {
    let row = client.query_one(SESSION, &[]).await?;
    let (pid, port): (i32, Option<i32>) = (row.try_get(0)?, row.try_get(1)?);
    let port = port.and_then(|port| u16::try_from(port).ok());
    if port.is_some_and(|port| is_own(port) && serves(pid, port)) {
        stand_back(pid);
    }
    Ok(())
}

/// Whether this process has the end of a connection with this port: not when somebody between has,
/// who may give the session to others later.
fn is_own(port: u16) -> bool {
    let tables = ["/proc/self/net/tcp", "/proc/self/net/tcp6"];
    let tables = tables.map(|table| fs::read_to_string(table).unwrap_or_default());
    let sockets = tables.iter().flat_map(|table| table.lines().skip(1));
    let ends: Vec<String> = sockets.filter_map(|line| link_of(line, port)).collect();
    let Ok(open) = fs::read_dir("/proc/self/fd") else {
        return false;
    };
    let links = open.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    let mut links = links.filter_map(|link| link.into_os_string().into_string().ok());
    links.any(|link| ends.contains(&link))
}

/// How an open file is called that is the socket of a line of `/proc/net/tcp`, if it has this port.
fn link_of(line: &str, port: u16) -> Option<String> {
    let mut fields = line.split_ascii_whitespace();
    let (_, local) = fields.nth(1)?.rsplit_once(':')?;
    let inode = fields.nth(7)?;
    let is_it = u16::from_str_radix(local, 16) == Ok(port);
    is_it.then(|| format!("socket:[{inode}]"))
}

/// Whether a process of this machine says of itself that it serves the connection with this port:
/// the server may be in a container, where processes have other numbers.
fn serves(pid: i32, port: u16) -> bool {
    let title = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let title = String::from_utf8_lossy(&title);
    title.starts_with("postgres:") && title.contains(&format!("({port})"))
}

/// A session is the first of a group of its own, and where groups get their shares of the
/// processors, it is the group that has to be nice.
fn stand_back(pid: i32) {
    let group = fs::write(format!("/proc/{pid}/autogroup"), NICE.to_string());
    let process = rustix::process::Pid::from_raw(pid);
    let own = process.map(|process| rustix::process::setpriority_process(Some(process), NICE));
    tracing::debug!(
        pid,
        ?group,
        ?own,
        "a session of backfill was asked to stand back"
    );
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn an_end_of_a_connection_is_known_by_its_port() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let port = stream.local_addr().unwrap().port();
        assert!(is_own(port));
        drop(stream);
        assert!(!is_own(port));
    }

    #[test]
    fn a_process_that_does_not_say_so_serves_nothing() {
        let own = i32::try_from(std::process::id()).unwrap();
        assert!(!serves(own, 5_432));
        assert!(!serves(i32::MAX, 5_432));
    }
}
