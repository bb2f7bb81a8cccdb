//! `[server]`: how messages are handled.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU32;
use std::time::Duration;

use super::retry::RetryPolicy;
use super::table::Table;

/// The most messages that handlers may have in hand at once: each has a task and its memory.
const CONCURRENCY_MAX: i64 = 1_024;

/// Keys of `[server]` that only Protean for Python gives a meaning.
const FOREIGN: [&str; 12] = [
    "default_subscription_type",
    "default_subscription_profile",
    "messages_per_tick",
    "tick_interval",
    "event_store_subscription",
    "broker_subscription",
    "version_retry",
    "transient_retry",
    "profiles",
    "dlq",
    "health",
    "partitioning",
];

/// Keys of a subscription that only Protean for Python gives a meaning.
const FOREIGN_TO_SUBSCRIPTIONS: [&str; 8] = [
    "blocking_timeout_ms",
    "circuit_breaker_threshold",
    "circuit_breaker_reset_seconds",
    "retention_maxlen",
    "messages_per_tick",
    "tick_interval",
    "subscription_type",
    "profile",
];

/// How messages are handled.
#[derive(Clone, Debug, PartialEq)]
pub struct Server {
    /// `[server.priority_lanes]`.
    pub priority_lanes: PriorityLanes,
    /// Primary messages in the hands of handlers at the same time.
    pub primary_concurrency: u32,
    /// Backfill batches in the hands of handlers at the same time.
    pub backfill_concurrency: u32,
    /// `drain_timeout`, in seconds: how long work in progress may take after a request to stop.
    pub drain_timeout: Duration,
    /// `[server.metrics]`: where a server says how it fares.
    pub metrics: Metrics,
    /// `stall_after`, in seconds: how long backfill makes no progress before that is told (L6).
    pub stall_after: Duration,
    /// `[server.stream_subscription]`: how failures are met.
    pub retry: RetryPolicy,
    /// `[server.subscriptions.<Handler>]`: the same, for handlers that want it otherwise.
    pub subscriptions: BTreeMap<String, RetryPolicy>,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            priority_lanes: PriorityLanes::default(),
            primary_concurrency: 32,
            backfill_concurrency: 2,
            drain_timeout: Duration::from_secs(10),
            metrics: Metrics::default(),
            stall_after: Duration::from_secs(60),
            retry: RetryPolicy::default(),
            subscriptions: BTreeMap::new(),
        }
    }
}

/// The two lanes of every stream.
#[derive(Clone, Debug, PartialEq)]
pub struct PriorityLanes {
    /// Whether bulk work travels on a lane of its own.
    pub enabled: bool,
    /// Messages of a lower priority than this go to the backfill lane.
    pub threshold: i32,
    /// The longest time that backfill may hold what primary needs, in milliseconds (L2).
    pub quantum_ms: u32,
    /// The share of the work that backfill gets even while primary always has more (L6).
    pub min_share: f64,
    /// What the name of a backfill stream ends with.
    pub backfill_suffix: String,
    /// What holds between messages of one aggregate in different lanes (L8).
    pub cross_lane_order: CrossLaneOrder,
    /// Unread backfill messages that a broker apart from the store holds at most.
    pub backfill_window: u32,
    /// How many commands of a stream may wait on its backfill lane, not handled yet, before bulk
    /// producers and imports wait, too: counted are those in hand, set aside and not yet at the
    /// broker as well. `max_backlog = 0`, which is no limit, unless it is said.
    pub max_backlog: Option<NonZeroU32>,
}

impl Default for PriorityLanes {
    fn default() -> Self {
        Self {
            enabled: true,
            threshold: 0,
            quantum_ms: 5,
            min_share: 0.0,
            backfill_suffix: "backfill".to_owned(),
            cross_lane_order: CrossLaneOrder::None,
            backfill_window: 10_000,
            max_backlog: None,
        }
    }
}

/// Where a server says whether it lives and is ready, and its metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metrics {
    /// Whether it does at all.
    pub enabled: bool,
    /// The address: this machine alone, unless something else is said.
    pub address: IpAddr,
    /// The port; 0 for any that is free. When it is taken, one that is free.
    pub port: u16,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            enabled: true,
            address: Ipv4Addr::LOCALHOST.into(),
            port: 9_464,
        }
    }
}

impl Metrics {
    fn read(&mut self, mut table: Table<'_>) {
        table.boolean("enabled", &mut self.enabled);
        table.parsed(
            "address",
            "an IP address such as \"127.0.0.1\"",
            &mut self.address,
        );
        table.integer("port", 0..=i64::from(u16::MAX), &mut self.port);
        table.finish();
    }
}

/// What holds between messages of one aggregate in different lanes (L8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CrossLaneOrder {
    /// Nothing: primary overtakes backfill.
    #[default]
    None,
    /// A primary message never overtakes backfill messages of its own aggregate: they are promoted
    /// before it.
    PerKey,
}

impl Server {
    pub(super) fn read(&mut self, mut table: Table<'_>) {
        let lanes = &mut self.priority_lanes;
        if let Some(own) = table.switch_or_table("priority_lanes", &mut lanes.enabled) {
            lanes.read(own);
        }
        let concurrency = 1..=CONCURRENCY_MAX;
        table.integer(
            "primary_concurrency",
            concurrency.clone(),
            &mut self.primary_concurrency,
        );
        table.integer(
            "backfill_concurrency",
            concurrency,
            &mut self.backfill_concurrency,
        );
        table.seconds("drain_timeout", 0.0..=3_600.0, &mut self.drain_timeout);
        let metrics = &mut self.metrics;
        if let Some(own) = table.switch_or_table("metrics", &mut metrics.enabled) {
            metrics.read(own);
        }
        table.seconds("stall_after", 0.1..=86_400.0, &mut self.stall_after);
        if let Some(mut own) = table.table("stream_subscription") {
            self.retry.read(&mut own);
            finish_subscription(own);
        }
        for (name, mut own) in table
            .table("subscriptions")
            .map_or_else(Vec::new, Table::tables)
        {
            let mut retry = self.retry.clone();
            retry.read(&mut own);
            finish_subscription(own);
            self.subscriptions.insert(name, retry);
        }
        table.foreign(&FOREIGN);
        table.finish();
    }
}

fn finish_subscription(mut table: Table<'_>) {
    table.foreign(&FOREIGN_TO_SUBSCRIPTIONS);
    table.finish();
}

impl PriorityLanes {
    fn read(&mut self, mut table: Table<'_>) {
        table.boolean("enabled", &mut self.enabled);
        let priorities = i64::from(i32::MIN)..=i64::from(i32::MAX);
        table.integer("threshold", priorities, &mut self.threshold);
        table.integer("quantum_ms", 1..=1_000, &mut self.quantum_ms);
        table.number("min_share", 0.0..=0.5, &mut self.min_share);
        if let Some(suffix) = table.text("backfill_suffix") {
            self.backfill_suffix = suffix;
        }
        let orders = [
            ("none", CrossLaneOrder::None),
            ("per_key", CrossLaneOrder::PerKey),
        ];
        table.choice("cross_lane_order", &orders, &mut self.cross_lane_order);
        table.integer(
            "backfill_window",
            1..=i64::from(u32::MAX),
            &mut self.backfill_window,
        );
        let mut max_backlog = self.max_backlog.map_or(0, NonZeroU32::get);
        table.integer("max_backlog", 0..=i64::from(u32::MAX), &mut max_backlog);
        self.max_backlog = NonZeroU32::new(max_backlog);
        table.finish();
    }
}
