//! An HTTP client of the shop that keeps its connections.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, bail};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// What the shop answers to a request that is safe.
const ACCEPTED: u16 = 202;

/// The body of a `POST /orders`.
pub const ORDER: &str =
    r#"{"customer_name":"Ada","book_title":"Dune","quantity":2,"unit_price_amount":"9.99"}"#;

/// A client of the shop at one address.
#[derive(Debug)]
pub struct Client {
    address: SocketAddr,
    /// Connections that are not in use: as many as there were requests at the same time.
    unused: Mutex<Vec<Connection>>,
}

/// A connection, for one request at a time.
#[derive(Debug)]
pub struct Connection(SendRequest<Full<Bytes>>);

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The body.
    pub body: Bytes,
}

impl Client {
    /// A client that has no connections yet.
    ///
    /// # Errors
    /// When the address is none.
    pub fn new(address: &str) -> Result<Self> {
        let address = address
            .parse()
            .with_context(|| format!("expected an address, found \"{address}\""))?;
        let unused = Mutex::default();
        Ok(Self { address, unused })
    }

    /// A connection that was kept, or a new one.
    ///
    /// # Errors
    /// When the shop cannot be reached.
    ///
    /// # Cancel safety
    /// Dropping the future drops the connection.
    pub async fn connect(&self) -> Result<Connection> {
        let unused = self.lock().pop();
        if let Some(connection) = unused.filter(|connection| !connection.0.is_closed()) {
            return Ok(connection);
        }
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        // It ends with the sender; a failure shows in the next request.
        tokio::spawn(connection);
        Ok(Connection(sender))
    }

    /// Keeps a connection whose request was answered.
    pub fn keep(&self, connection: Connection) {
        self.lock().push(connection);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.unused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connection {
    /// `GET path`.
    ///
    /// # Errors
    /// When there is no answer.
    ///
    /// # Cancel safety
    /// A request that was on its way may still take effect. The connection must not be kept.
    pub async fn get(&mut self, path: &str) -> Result<Answer> {
        self.send(Method::GET, path, Bytes::new()).await
    }

    /// `POST path` with a body of JSON.
    ///
    /// # Errors
    /// When there is no answer.
    ///
    /// # Cancel safety
    /// As [`get`](Self::get).
    pub async fn post(&mut self, path: &str, body: impl Into<Bytes>) -> Result<Answer> {
        self.send(Method::POST, path, body.into()).await
    }

    /// `PUT path` with a body of JSON.
    ///
    /// # Errors
    /// When there is no answer.
    ///
    /// # Cancel safety
    /// As [`get`](Self::get).
    pub async fn put(&mut self, path: &str, body: impl Into<Bytes>) -> Result<Answer> {
        self.send(Method::PUT, path, body.into()).await
    }

    async fn send(&mut self, method: Method, path: &str, body: Bytes) -> Result<Answer> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "bookshelf")
            .header("content-type", "application/json")
            .body(Full::new(body))?;
        self.0.ready().await?;
        let response = self.0.send_request(request).await?;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await?.to_bytes();
        Ok(Answer { status, body })
    }
}

impl Answer {
    /// The identity under this name, of something that was accepted.
    ///
    /// # Errors
    /// When it was not accepted, or has no such name in it.
    pub fn accepted(&self, name: &str) -> Result<String> {
        let Self { status, body } = self;
        if *status != ACCEPTED {
            let body = String::from_utf8_lossy(body);
            bail!("expected {ACCEPTED}, found {status}: {body}");
        }
        let value: serde_json::Value = serde_json::from_slice(body)?;
        let id = value[name].as_str();
        let id = id.with_context(|| format!("expected `{name}` in the answer, found {value}"))?;
        Ok(id.to_owned())
    }
}
