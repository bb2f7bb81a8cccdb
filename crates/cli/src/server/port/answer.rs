//! What is answered at the server's own port.

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use protean_server::Monitor;

/// The text format of Prometheus.
const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";

/// Answers a request; nothing of its body is read.
pub(super) async fn answer<B>(monitor: &Monitor, request: &Request<B>) -> Response<Full<Bytes>> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut refused = of(
            StatusCode::METHOD_NOT_ALLOWED,
            TEXT,
            "only GET\n".to_owned(),
        );
        let allowed = HeaderValue::from_static("GET, HEAD");
        refused.headers_mut().insert(ALLOW, allowed);
        return refused;
    }
    match request.uri().path() {
        // Whoever gets this lives: it needs no store and no engine.
        "/livez" => of(StatusCode::OK, TEXT, "ok\n".to_owned()),
        "/readyz" => match monitor.ready().await {
            Ok(()) => of(StatusCode::OK, TEXT, "ok\n".to_owned()),
            Err(why) => of(StatusCode::SERVICE_UNAVAILABLE, TEXT, format!("{why}\n")),
        },
        "/metrics" => match monitor.text().await {
            Ok(text) => of(StatusCode::OK, METRICS, text),
            Err(why) => of(StatusCode::INTERNAL_SERVER_ERROR, TEXT, format!("{why}\n")),
        },
        _ => {
            let text = "expected /livez, /readyz or /metrics\n";
            of(StatusCode::NOT_FOUND, TEXT, text.to_owned())
        }
    }
}

fn of(status: StatusCode, content_type: &'static str, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    let content_type = HeaderValue::from_static(content_type);
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}
