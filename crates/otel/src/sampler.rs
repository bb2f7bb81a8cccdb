//! Which traces are collected.

use opentelemetry::trace::{Link, SpanKind, TraceContextExt, TraceId, TraceState};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{Config, Sampler, SamplingDecision, SamplingResult, ShouldSample};
use protean_core::Lane;

use crate::span::LANE;

/// What `OTEL_TRACES_SAMPLER` says, but of the traces that begin on the backfill lane only a part:
/// an import would flood the collector.
#[derive(Clone, Debug)]
pub(crate) struct Lanes {
    asked: Box<dyn ShouldSample>,
    backfill: Sampler,
}

impl Lanes {
    /// As the environment asks; every trace that its caller samples, unless it says otherwise.
    pub(crate) fn new(backfill_ratio: f64) -> Self {
        Self {
            asked: Config::default().sampler,
            backfill: Sampler::TraceIdRatioBased(backfill_ratio),
        }
    }
}

impl ShouldSample for Lanes {
    fn should_sample(
        &self,
        parent_context: Option<&Context>,
        trace_id: TraceId,
        name: &str,
        span_kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        let ask = |sampler: &dyn ShouldSample| {
            sampler.should_sample(parent_context, trace_id, name, span_kind, attributes, links)
        };
        let has_parent = parent_context.is_some_and(|parent| parent.has_active_span());
        if !has_parent && is_backfill(attributes) {
            let left_out = matches!(ask(&self.backfill).decision, SamplingDecision::Drop);
            if left_out {
                return SamplingResult {
                    decision: SamplingDecision::Drop,
                    attributes: Vec::new(),
                    trace_state: TraceState::default(),
                };
            }
        }
        ask(&*self.asked)
    }
}

fn is_backfill(attributes: &[KeyValue]) -> bool {
    let lane = attributes.iter().find(|known| known.key.as_str() == LANE);
    lane.is_some_and(|lane| lane.value.as_str() == Lane::Backfill.name())
}
