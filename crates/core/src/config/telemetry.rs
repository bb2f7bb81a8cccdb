//! `[telemetry]`: where spans go.

use std::str::FromStr;

use super::table::Table;

/// Keys that only Protean for Python gives a meaning.
const FOREIGN: [&str; 2] = ["exporter", "resource_attributes"];

/// The longest URL of a collector: more is a slip.
const ENDPOINT_BYTES_MAX: usize = 2_048;

/// How an endpoint is written.
const COLLECTOR: &str = "a URL that begins with \"http://\", as \"http://127.0.0.1:4318\" (spans \
     are sent without TLS: a collector on this machine can send them on)";

/// How the spans of this application are collected. The environment goes before all of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Telemetry {
    /// `enabled`: whether there are any, if there is somewhere to send them.
    pub enabled: bool,
    /// `endpoint`: the collector, as `http://127.0.0.1:4318`.
    pub endpoint: Option<String>,
    /// `service_name`: what this application is called there; the domain's name, unless said.
    pub service_name: Option<String>,
    /// `backfill_ratio`: the part of the traces beginning on the backfill lane that is sampled.
    pub backfill_ratio: f64,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self {
            enabled: true,
            endpoint: None,
            service_name: None,
            backfill_ratio: 0.01,
        }
    }
}

impl Telemetry {
    pub(super) fn read(&mut self, mut table: Table<'_>) {
        table.boolean("enabled", &mut self.enabled);
        let mut collector = Collector(None);
        table.parsed("endpoint", COLLECTOR, &mut collector);
        self.endpoint = collector.0;
        self.service_name = table.text("service_name");
        table.number("backfill_ratio", 0.0..=1.0, &mut self.backfill_ratio);
        table.foreign(&FOREIGN);
        table.finish();
    }
}

/// The URL of a collector that is reached without TLS.
struct Collector(Option<String>);

impl FromStr for Collector {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let is_plain = text.starts_with("http://") && text.len() <= ENDPOINT_BYTES_MAX;
        is_plain.then(|| Self(Some(text.to_owned()))).ok_or(())
    }
}
