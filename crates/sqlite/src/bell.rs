//! The doorbell: how whoever waits for messages hears of a commit, in this process and in others.
//!
//! Every listener binds a datagram socket in the database's folder of locks, and every writer
//! sends a few bytes to each socket there after it has committed. Nobody polls. A bell that is not
//! heard costs a delay, never a message: listeners also look at the file's version now and then.

use std::collections::HashSet;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant, SystemTime};

use protean_core::Lane;
use protean_core::port::broker::{Published, Wake};
use tokio::sync::Notify;

use crate::writer::lane_number;

/// How long a writer trusts its list of sockets. A listener that was not there yet looks at
/// everything when it starts, and at the file's version soon after.
const PEERS_AGE_MAX: Duration = Duration::from_millis(50);

/// How long ago a folder has to have changed for the next change to have another time: file systems
/// count time in steps.
const CHANGE_AGE_MIN: Duration = Duration::from_secs(1);

/// The longest message a bell rings with; what does not fit rings for everything.
const RING_BYTES_MAX: usize = 2_048;

/// What a bell rings with when it is for everything.
const EVERYTHING: &[u8] = b"*";

/// What subscriptions have to hear after a commit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum News {
    /// Nothing.
    #[default]
    None,
    /// These streams have something new.
    Published(Vec<Published>),
    /// Anything may be new.
    Everything,
}

impl News {
    pub(crate) fn of(published: HashSet<Published>) -> Self {
        if published.is_empty() {
            return Self::None;
        }
        Self::Published(published.into_iter().collect())
    }

    fn encode(&self) -> Vec<u8> {
        let Self::Published(published) = self else {
            return EVERYTHING.to_vec();
        };
        let lines: Vec<String> = published
            .iter()
            .map(|one| format!("{} {}", lane_number(one.lane), one.stream))
            .collect();
        let text = lines.join("\n").into_bytes();
        if text.len() > RING_BYTES_MAX {
            EVERYTHING.to_vec()
        } else {
            text
        }
    }

    /// What a bell rang with; anything strange counts as everything.
    fn decode(bytes: &[u8]) -> Self {
        let published = std::str::from_utf8(bytes).ok().and_then(|text| {
            let line = |line: &str| {
                let (lane, stream) = line.split_once(' ')?;
                let lane = Lane::ALL
                    .into_iter()
                    .find(|one| lane_number(*one).to_string() == lane)?;
                Some(Published::new(stream.into(), lane))
            };
            text.lines().map(line).collect::<Option<Vec<_>>>()
        });
        published.map_or(Self::Everything, Self::Published)
    }
}

/// The doorbells of one database, as one process hears and rings them.
#[derive(Debug)]
pub(crate) struct Bell {
    folder: Folder,
    sender: UnixDatagram,
    peers: Mutex<Peers>,
    local: Mutex<Vec<Weak<Ear>>>,
    numbers: AtomicU64,
    name: String,
}

#[derive(Debug, Default)]
struct Peers {
    sockets: Vec<PathBuf>,
    /// When the folder was last looked at.
    looked_at: Option<Instant>,
    /// When it had changed last, as far as that can be told from a change that comes at once.
    changed: Option<SystemTime>,
}

/// A folder, and a short way to it: the path of a socket may not be long.
#[derive(Debug)]
struct Folder {
    path: PathBuf,
    handle: std::fs::File,
}

impl Folder {
    /// When something came or went in it.
    fn changed(&self) -> Option<SystemTime> {
        self.handle.metadata().and_then(|told| told.modified()).ok()
    }

    fn short(&self, name: &Path) -> PathBuf {
        /// The shortest limit of the systems we know is 104 bytes with the final zero.
        const SOCKET_PATH_MAX: usize = 100;
        let path = self.path.join(name);
        if path.as_os_str().len() <= SOCKET_PATH_MAX || !cfg!(target_os = "linux") {
            return path;
        }
        PathBuf::from(format!("/proc/self/fd/{}", self.handle.as_raw_fd())).join(name)
    }
}

/// Where a listener of this process hears of commits.
#[derive(Debug, Default)]
pub(crate) struct Ear {
    heard: Mutex<Heard>,
    rung: Notify,
}

#[derive(Debug, Default)]
struct Heard {
    published: HashSet<Published>,
    everything: bool,
}

impl Ear {
    /// Takes a ring in.
    pub(crate) fn hear(&self, news: News) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        match news {
            News::None => return,
            News::Published(published) => heard.published.extend(published),
            News::Everything => heard.everything = true,
        }
        drop(heard);
        self.rung.notify_one();
    }

    /// What was heard since the last time, if anything.
    pub(crate) fn take(&self) -> Option<Wake> {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let Heard {
            published,
            everything,
        } = std::mem::take(&mut *heard);
        if everything {
            return Some(Wake::Anything);
        }
        (!published.is_empty()).then(|| Wake::Published(published.into_iter().collect()))
    }

    /// Waits for a ring. Cancel safe.
    pub(crate) async fn rung(&self) {
        self.rung.notified().await;
    }
}

impl Bell {
    /// The doorbells in this folder.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        static HANDLES: AtomicU64 = AtomicU64::new(0);
        let sender = UnixDatagram::unbound()?;
        // A listener that does not keep up loses rings, not messages.
        sender.set_nonblocking(true)?;
        let handle = HANDLES.fetch_add(1, Ordering::Relaxed);
        Ok(Self {
            folder: Folder {
                path: path.to_owned(),
                handle: std::fs::File::open(path)?,
            },
            sender,
            peers: Mutex::default(),
            local: Mutex::default(),
            numbers: AtomicU64::new(0),
            name: format!("{}-{handle}", std::process::id()),
        })
    }

    /// A socket that other handles on the database ring, and the ear that this one rings.
    pub(crate) fn listen(&self) -> io::Result<(Socket, Arc<Ear>)> {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let name = PathBuf::from(format!("{}-{number}.bell", self.name));
        let path = self.folder.path.join(&name);
        std::fs::remove_file(&path).ok();
        let socket = UnixDatagram::bind(self.folder.short(&name))?;
        socket.set_nonblocking(true)?;
        let socket = Socket {
            socket: tokio::net::UnixDatagram::from_std(socket)?,
            path,
        };
        let ear = Arc::new(Ear::default());
        let mut local = self.local.lock().unwrap_or_else(PoisonError::into_inner);
        local.retain(|known| known.strong_count() > 0);
        local.push(Arc::downgrade(&ear));
        Ok((socket, ear))
    }

    /// Rings for everybody.
    pub(crate) fn ring(&self, news: &News) {
        if *news == News::None {
            return;
        }
        let bytes = news.encode();
        for ear in self
            .local
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
        {
            if let Some(ear) = ear.upgrade() {
                ear.hear(news.clone());
            }
        }
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        self.refresh(&mut peers);
        peers.sockets.retain(|name| self.ring_at(name, &bytes));
    }

    /// Rings one bell; `false` when nobody is there any more.
    fn ring_at(&self, name: &Path, bytes: &[u8]) -> bool {
        match self.sender.send_to(bytes, self.folder.short(name)) {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                std::fs::remove_file(self.folder.path.join(name)).ok();
                false
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            _ => true,
        }
    }

    fn refresh(&self, peers: &mut Peers) {
        let age = peers.looked_at.map(|at| at.elapsed());
        if age.is_some_and(|age| age < PEERS_AGE_MAX) {
            return;
        }
        peers.looked_at = Some(Instant::now());
        let changed = self.folder.changed();
        if changed.is_some() && changed == peers.changed {
            return;
        }
        let is_over = |at: &SystemTime| at.elapsed().is_ok_and(|age| age > CHANGE_AGE_MIN);
        peers.changed = changed.filter(is_over);
        let Ok(entries) = std::fs::read_dir(&self.folder.path) else {
            return;
        };
        let own = format!("{}-", self.name);
        let names = entries
            .flatten()
            .map(|entry| PathBuf::from(entry.file_name()));
        let sockets = names.filter(|name| {
            let text = name.to_string_lossy();
            text.ends_with(".bell") && !text.starts_with(&own)
        });
        peers.sockets = sockets.collect();
    }
}

/// The socket on which a listener hears other processes.
#[derive(Debug)]
pub(crate) struct Socket {
    socket: tokio::net::UnixDatagram,
    path: PathBuf,
}

impl Socket {
    /// The next ring. Cancel safe.
    pub(crate) async fn rung(&self) -> News {
        let mut bytes = [0; RING_BYTES_MAX];
        match self.socket.recv(&mut bytes).await {
            Ok(count) => News::decode(&bytes[..count]),
            Err(_) => News::Everything,
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        std::fs::remove_file(&self.path).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn news(streams: &[(&str, Lane)]) -> News {
        let published = streams
            .iter()
            .map(|(stream, lane)| Published::new((*stream).into(), *lane));
        News::Published(published.collect())
    }

    #[test]
    fn news_survive_the_wire_and_strange_bytes_mean_everything() {
        let some = news(&[
            ("shop::book:command", Lane::Backfill),
            ("shop::book", Lane::Primary),
        ]);
        assert_eq!(News::decode(&some.encode()), some);
        for bytes in [&b"*"[..], b"7 shop", b"shop", &[0xff]] {
            assert_eq!(News::decode(bytes), News::Everything);
        }
        let many: Vec<String> = (0..200)
            .map(|nth| format!("shop::aggregate_{nth}"))
            .collect();
        let many: Vec<_> = many
            .iter()
            .map(|name| (name.as_str(), Lane::Primary))
            .collect();
        assert_eq!(News::decode(&news(&many).encode()), News::Everything);
    }

    #[tokio::test]
    async fn a_bell_is_heard_in_its_own_process_and_by_other_handles() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("d".repeat(120));
        std::fs::create_dir(&deep).unwrap();
        let (one, other) = (Bell::open(&deep).unwrap(), Bell::open(&deep).unwrap());
        let (_, ear) = one.listen().unwrap();
        let (socket, _far) = other.listen().unwrap();
        let some = news(&[("shop::book", Lane::Primary)]);
        one.ring(&some);
        assert_eq!(socket.rung().await, some);
        let News::Published(published) = some else {
            unreachable!()
        };
        assert_eq!(ear.take(), Some(Wake::Published(published)));
        assert_eq!(ear.take(), None);
    }

    #[tokio::test]
    async fn the_socket_of_a_dead_listener_is_swept_away() {
        let folder = tempfile::tempdir().unwrap();
        let dead = folder.path().join("1-0-0.bell");
        drop(UnixDatagram::bind(&dead).unwrap());
        assert!(dead.exists());
        Bell::open(folder.path()).unwrap().ring(&News::Everything);
        assert!(!dead.exists());
    }
}
