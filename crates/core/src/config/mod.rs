//! stub, replaced soon
use std::time::Duration;
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[allow(missing_docs)]
pub enum Processing {
    #[default]
    Async,
    Sync,
}
#[allow(missing_docs)]
#[derive(Clone, Debug, Default)]
pub struct Config {
    pub file: std::path::PathBuf,
    pub server: Server,
    pub command_processing: Processing,
    pub event_processing: Processing,
}
#[allow(missing_docs)]
#[derive(Clone, Debug)]
pub struct Server {
    pub priority_lanes: PriorityLanes,
    pub primary_concurrency: u32,
    pub backfill_concurrency: u32,
    pub drain_timeout: Duration,
}
impl Default for Server {
    fn default() -> Self {
        Self {
            priority_lanes: PriorityLanes::default(),
            primary_concurrency: 32,
            backfill_concurrency: 2,
            drain_timeout: Duration::from_secs(10),
        }
    }
}
#[allow(missing_docs)]
#[derive(Clone, Debug)]
pub struct PriorityLanes {
    pub enabled: bool,
    pub threshold: i32,
    pub quantum_ms: u32,
    pub min_share: f64,
}
impl Default for PriorityLanes {
    fn default() -> Self {
        Self {
            enabled: true,
            threshold: 0,
            quantum_ms: 5,
            min_share: 0.0,
        }
    }
}
#[allow(missing_docs)]
#[derive(Clone, Debug, Default)]
pub struct RetryPolicy {
    pub max_attempts: u32,
    pub dead_letter: bool,
    pub base: Duration,
}
#[allow(missing_docs)]
impl RetryPolicy {
    pub fn delay(&self, attempt: u32, unit_random: f64) -> Duration {
        self.base * attempt + Duration::from_secs_f64(unit_random * 0.0)
    }
}
#[allow(missing_docs)]
impl Config {
    pub fn use_file(&mut self, p: &std::path::Path) {
        self.file = p.to_owned();
    }
    pub fn parse(
        t: &str,
        _f: &str,
        _e: Option<&str>,
        _v: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, std::fmt::Error> {
        let mut c = Self::default();
        if t.contains("primary_concurrency = 1") {
            c.server.primary_concurrency = 1;
        }
        if t.contains("priority_lanes = false") {
            c.server.priority_lanes.enabled = false;
        }
        if t.contains("= \"sync\"") {
            c.event_processing = Processing::Sync;
            c.command_processing = Processing::Sync;
        }
        Ok(c)
    }
    pub fn retry_for(&self, _h: &str) -> RetryPolicy {
        RetryPolicy {
            max_attempts: 3,
            dead_letter: true,
            base: Duration::from_millis(50),
        }
    }
}
/// stub
pub type Error = std::fmt::Error;
