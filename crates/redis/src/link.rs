//! Connections: one for the work of each lane, and one for each reader that blocks.

use std::path::Path;
use std::time::Duration;

use protean_core::{Lane, port};
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::{
    AsyncConnectionConfig, Client, Cmd, Pipeline, RedisError, RedisFuture, RedisResult,
    TlsCertificates, Value,
};
use tokio::sync::Mutex;

use crate::error::{failed, is_broken};

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// How long Redis may take to answer. What blocks on purpose is given that much more.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// What begins the URI of a cluster.
const CLUSTER_SCHEMES: [(&str, &str); 2] = [
    ("redis+cluster://", "redis://"),
    ("rediss+cluster://", "rediss://"),
];

/// Where Redis is.
#[derive(Clone)]
pub(crate) enum Server {
    Single(Box<Client>),
    Cluster(Box<ClusterClient>),
}

impl Server {
    /// The server, or the cluster by one of its nodes, with this URI.
    pub(crate) fn new(uri: &str, authorities: Option<&Path>) -> Result<Self, port::Error> {
        let bad = |error: RedisError| port::Error::Failed {
            what: "the Redis URI".to_owned(),
            why: format!("{error}; expected redis://user:password@host:6379/0"),
        };
        let certificates = TlsCertificates {
            client_tls: None,
            root_cert: authorities.map(read).transpose()?,
        };
        let secure = certificates.root_cert.is_some();
        // Several libraries could encrypt. Whichever the application chose is kept, whence an error.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let scheme = CLUSTER_SCHEMES
            .iter()
            .find_map(|(cluster, single)| Some((single, uri.strip_prefix(cluster)?)));
        if let Some((single, rest)) = scheme {
            let mut builder = ClusterClient::builder([format!("{single}{rest}")])
                .connection_timeout(CONNECT_TIMEOUT)
                .response_timeout(ANSWER_TIMEOUT);
            if secure {
                builder = builder.certs(certificates);
            }
            return Ok(Self::Cluster(Box::new(builder.build().map_err(bad)?)));
        }
        let client = match secure {
            true => Client::build_with_tls(uri, certificates),
            false => Client::open(uri),
        };
        Ok(Self::Single(Box::new(client.map_err(bad)?)))
    }

    pub(crate) const fn is_cluster(&self) -> bool {
        matches!(self, Self::Cluster(_))
    }

    /// A connection whose answers may take this much longer.
    pub(crate) async fn connect(&self, blocking: Duration) -> RedisResult<Link> {
        match self {
            Self::Single(client) => {
                let config = AsyncConnectionConfig::new()
                    .set_connection_timeout(Some(CONNECT_TIMEOUT))
                    .set_response_timeout(Some(ANSWER_TIMEOUT + blocking));
                let link = client.get_multiplexed_async_connection_with_config(&config);
                link.await.map(Link::Single)
            }
            Self::Cluster(client) => client.get_async_connection().await.map(Link::Cluster),
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, port::Error> {
    std::fs::read(path).map_err(|error| port::Error::Failed {
        what: format!("reading the certificates in {}", path.display()),
        why: error.to_string(),
    })
}

/// A connection.
#[derive(Clone)]
pub(crate) enum Link {
    Single(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl ConnectionLike for Link {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::Single(link) => link.req_packed_command(cmd),
            Self::Cluster(link) => link.req_packed_command(cmd),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::Single(link) => link.req_packed_commands(pipeline, offset, count),
            Self::Cluster(link) => link.req_packed_commands(pipeline, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::Single(link) => link.get_db(),
            Self::Cluster(link) => link.get_db(),
        }
    }
}

/// The connection that the work of one lane shares; made when it is needed, and again when it
/// broke.
pub(crate) struct Shared {
    server: Server,
    link: Mutex<Option<Link>>,
}

impl Shared {
    pub(crate) fn of(server: &Server) -> [Self; 2] {
        Lane::ALL.map(|_| Self {
            server: server.clone(),
            link: Mutex::default(),
        })
    }

    /// Does something on the connection.
    ///
    /// # Cancel safety
    /// What was sent is done all the same.
    pub(crate) async fn run<T>(
        &self,
        work: impl AsyncFnOnce(&mut Link) -> RedisResult<T>,
    ) -> RedisResult<T> {
        let mut link = self.get().await?;
        let result = work(&mut link).await;
        if let Err(error) = &result
            && is_broken(error)
        {
            *self.link.lock().await = None;
        }
        result
    }

    /// Sends one command.
    pub(crate) async fn ask<T: redis::FromRedisValue>(
        &self,
        what: &str,
        command: &Cmd,
    ) -> Result<T, port::Error> {
        let asked = self.send(command).await;
        asked.map_err(|error| failed(what, &error))
    }

    /// Sends one command; the error is Redis's own.
    pub(crate) async fn send<T: redis::FromRedisValue>(&self, command: &Cmd) -> RedisResult<T> {
        let mut link = self.get().await?;
        let result = command.query_async(&mut link).await;
        if let Err(error) = &result
            && is_broken(error)
        {
            *self.link.lock().await = None;
        }
        result
    }

    async fn get(&self) -> RedisResult<Link> {
        let mut slot = self.link.lock().await;
        if let Some(link) = &*slot {
            return Ok(link.clone());
        }
        let link = self.server.connect(Duration::ZERO).await?;
        *slot = Some(link.clone());
        Ok(link)
    }
}
