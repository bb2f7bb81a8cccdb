//! How a batch of spans gets to the collector: one request on a connection of its own.

use std::time::Duration;

use async_trait::async_trait;
use http_body_util::{BodyExt, Full, Limited};
use hyper::Uri;
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, HOST, HeaderValue};
use hyper_util::rt::TokioIo;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use tokio::net::TcpStream;

/// How long the collector may take for a batch: as long as the queue holds what comes meanwhile, and
/// less than what is left to drain at the end.
const REQUEST_MAX: Duration = Duration::from_secs(5);

/// The longest answer that is read: it is a few bytes, or what a proxy has to say.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

const PORT: u16 = 80;

/// Sends requests to an `http://` URL.
#[derive(Debug)]
pub(crate) struct Client;

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let timed = tokio::time::timeout(REQUEST_MAX, send(request)).await;
        timed.map_err(|_| format!("no answer within {REQUEST_MAX:?}"))?
    }
}

async fn send(request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
    let (mut parts, body) = request.into_parts();
    let authority = parts.uri.authority().ok_or("no host in the URL")?.clone();
    let address = (authority.host(), authority.port_u16().unwrap_or(PORT));
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    parts
        .headers
        .insert(HOST, HeaderValue::from_str(authority.as_str())?);
    parts
        .headers
        .insert(CONNECTION, HeaderValue::from_static("close"));
    parts.uri = path.parse::<Uri>()?;
    let answer = sender
        .send_request(Request::from_parts(parts, Full::new(body)))
        .await?;
    let (head, body) = answer.into_parts();
    let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await?;
    connection.abort();
    Ok(Response::from_parts(head, body.to_bytes()))
}
