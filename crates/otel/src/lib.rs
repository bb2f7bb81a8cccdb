//! OpenTelemetry spans of commands and handlers, sent to a collector by OTLP over HTTP.
//!
//! What ends is put in a queue with a bound and sent by a thread of its own, so nothing that is
//! told of here ever waits. When the collector is away or too slow, spans are lost, and counted.

mod client;
mod courier;
mod queue;
mod sampler;
mod settings;
mod span;
mod tracer;

use std::sync::Arc;

use protean_core::config::Telemetry;
use protean_core::port::Tracer;

use settings::Settings;
use tracer::Otel;

/// Why no spans can be sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The environment names a collector that cannot be reached this way.
    #[error(
        "[PE0431] {variable}: expected a URL that begins with \"http://\", found \"{found}\"; spans \
         are sent without TLS, so have a collector on this machine send them on, or say \
         OTEL_SDK_DISABLED=true"
    )]
    Endpoint {
        /// The variable.
        variable: &'static str,
        /// Its value.
        found: String,
    },
    /// The exporter does not take what the environment says.
    #[error("[PE0432] spans cannot be sent: {0}; mend it, or say OTEL_SDK_DISABLED=true")]
    Exporter(String),
    /// The operating system gives no thread, or no sockets.
    #[error("[PE0433] no thread for spans: {0}")]
    Thread(std::io::Error),
}

/// The tracer of a domain, if the environment or its configuration say where spans go.
///
/// # Errors
/// When they say what cannot be.
pub fn tracer(domain: &str, telemetry: &Telemetry) -> Result<Option<Arc<dyn Tracer>>, Error> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let Some(settings) = Settings::of(domain, telemetry, &variable)? else {
        return Ok(None);
    };
    let otel: Arc<dyn Tracer> = Arc::new(Otel::start(settings)?);
    Ok(Some(otel))
}
