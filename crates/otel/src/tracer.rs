//! What is told of becomes spans.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::trace::{SpanBuilder, SpanKind, TracerProvider};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{RetryPolicy, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use protean_core::Lane;
use protean_core::port::tracer::{Running, Sending, Span, Tracer};

use crate::Error;
use crate::client::Client;
use crate::courier::Courier;
use crate::queue::Queue;
use crate::sampler::Lanes;
use crate::settings::Settings;
use crate::span::{LANE, Open, parent};

/// How long the end of a program waits for spans, that did not ask for it itself.
const PARTING: Duration = Duration::from_secs(1);

/// Sends spans of what it is told to a collector.
pub(crate) struct Otel {
    tracer: SdkTracer,
    provider: SdkTracerProvider,
    queue: Arc<Queue>,
}

impl Otel {
    /// Starts the thread that sends.
    pub(crate) fn start(settings: Settings) -> Result<Self, Error> {
        let mut exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Client)
            .with_endpoint(settings.url)
            // What cannot be sent is lost: what comes meanwhile needs its place.
            .with_retry_policy(RetryPolicy::disabled())
            .build()
            .map_err(|error| Error::Exporter(error.to_string()))?;
        let resource = Resource::builder()
            .with_service_name(settings.service)
            .build();
        opentelemetry_sdk::trace::SpanExporter::set_resource(&mut exporter, &resource);
        let queue = Arc::new(Queue::default());
        let provider = SdkTracerProvider::builder()
            .with_resource(resource)
            .with_sampler(Lanes::new(settings.backfill_ratio))
            .with_span_processor(Courier::start(queue.clone(), exporter)?)
            .build();
        Ok(Self {
            tracer: provider.tracer("protean"),
            provider,
            queue,
        })
    }

    fn begin(&self, name: String, kind: SpanKind, lane: Lane, parent: &Context) -> Open {
        let builder = SpanBuilder::from_name(name)
            .with_kind(kind)
            .with_attributes([KeyValue::new(LANE, lane.name())]);
        Open::new(builder.start_with_context(&self.tracer, parent))
    }
}

impl Tracer for Otel {
    fn sends(&self, sending: &Sending<'_>) -> Box<dyn Span> {
        let message = sending.message;
        let name = format!("send {}", message.type_name);
        let parent = parent(message.traceparent.as_deref());
        let mut open = self.begin(name, SpanKind::Producer, sending.lane, &parent);
        open.describes(message, "send");
        open.counts(sending.count);
        Box::new(open)
    }

    fn runs(&self, running: &Running<'_>) -> Box<dyn Span> {
        let message = running.message;
        let name = format!("process {}", running.subscription.name);
        let parent = parent(message.traceparent.as_deref());
        let mut open = self.begin(name, SpanKind::Consumer, running.lane, &parent);
        open.describes(message, "process");
        open.tries(&running.subscription.name, running.attempt);
        Box::new(open)
    }

    fn flush(&self, within: Duration) {
        if !self.queue.flush(within) {
            tracing::warn!("spans are left behind, since the collector does not take them in time");
        }
    }
}

impl Drop for Otel {
    fn drop(&mut self) {
        // What it says is said by the courier.
        let _ = self.provider.shutdown_with_timeout(PARTING);
    }
}
