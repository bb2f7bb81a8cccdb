//! A stand-in for a collector: it takes spans by OTLP over HTTP, and keeps them.

use std::convert::Infallible;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::ResourceSpans;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use prost::Message;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// How long a test waits for what has to happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A span that was collected.
#[derive(Clone, Debug)]
pub(crate) struct Collected {
    /// Who sent it.
    pub(crate) service: String,
    pub(crate) name: String,
    pub(crate) kind: i32,
    pub(crate) trace: String,
    pub(crate) id: String,
    /// Empty for one that begins a trace.
    pub(crate) parent: String,
    pub(crate) took: Duration,
    /// What the error said, if it is one.
    pub(crate) error: Option<String>,
    attributes: Vec<KeyValue>,
}

impl Collected {
    /// The value of an attribute as text.
    pub(crate) fn get(&self, key: &str) -> Option<String> {
        text(&self.attributes, key)
    }

    /// The texts of several attributes.
    pub(crate) fn all<const N: usize>(&self, keys: [&str; N]) -> [String; N] {
        keys.map(|key| self.get(key).unwrap_or_else(|| panic!("{key} of {self:?}")))
    }
}

/// The collector.
pub(crate) struct Collector {
    pub(crate) endpoint: String,
    spans: watch::Receiver<Vec<Collected>>,
}

impl Collector {
    /// Starts one at a port of its own.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let (sender, spans) = watch::channel(Vec::new());
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let sender = sender.clone();
                let take = service_fn(move |request| take(request, sender.clone()));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), take));
            }
        });
        Self { endpoint, spans }
    }

    /// The spans so far.
    pub(crate) fn spans(&self) -> Vec<Collected> {
        self.spans.borrow().clone()
    }

    /// Waits for so many spans, or more.
    pub(crate) async fn at_least(&self, count: usize) -> Vec<Collected> {
        let mut spans = self.spans.clone();
        let seen = tokio::time::timeout(PATIENCE, spans.wait_for(|spans| spans.len() >= count));
        match seen.await {
            Ok(spans) => spans.unwrap().clone(),
            Err(_) => panic!("expected {count} spans, found {:#?}", self.spans()),
        }
    }
}

async fn take(
    request: Request<Incoming>,
    sender: watch::Sender<Vec<Collected>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    assert_eq!(request.uri().path(), "/v1/traces");
    assert_eq!(request.headers()["content-type"], "application/x-protobuf");
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let export = ExportTraceServiceRequest::decode(body).unwrap();
    let spans = export.resource_spans.into_iter().flat_map(collected);
    sender.send_modify(|known| known.extend(spans));
    Ok(Response::new(Full::default()))
}

fn collected(of_service: ResourceSpans) -> Vec<Collected> {
    let resource = of_service.resource.unwrap();
    let service = text(&resource.attributes, "service.name").unwrap();
    let spans = of_service
        .scope_spans
        .into_iter()
        .flat_map(|scope| scope.spans);
    let spans = spans.map(|span| {
        let failed = span
            .status
            .filter(|status| status.code == StatusCode::Error as i32);
        Collected {
            service: service.clone(),
            name: span.name,
            kind: span.kind,
            trace: hex(&span.trace_id),
            id: hex(&span.span_id),
            parent: hex(&span.parent_span_id),
            took: Duration::from_nanos(span.end_time_unix_nano - span.start_time_unix_nano),
            error: failed.map(|status| status.message),
            attributes: span.attributes,
        }
    });
    spans.collect()
}

fn text(attributes: &[KeyValue], key: &str) -> Option<String> {
    let found = attributes.iter().find(|known| known.key == key)?;
    match found.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text.clone()),
        Value::IntValue(number) => Some(number.to_string()),
        other => panic!("{key} is {other:?}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
