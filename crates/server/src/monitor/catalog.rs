//! The metrics there are: their names, what they mean, and by what they are told apart.

use std::fmt::Write as _;

/// The kinds of metrics that Prometheus knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Grows as long as the process lives.
    Counter,
    /// What is, at the moment it is asked for.
    Gauge,
    /// How often something took how long.
    Histogram,
}

impl Kind {
    /// Its word in Prometheus.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// A metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// Its name, with its unit.
    pub name: &'static str,
    /// Its kind.
    pub kind: Kind,
    /// What its series are told apart by.
    pub labels: &'static [&'static str],
    /// What it means.
    pub help: &'static str,
}

const PLACE: &[&str] = &["subscription", "stream", "lane"];

macro_rules! metrics {
    ($($constant:ident $kind:ident $name:literal $labels:expr, $help:literal;)+) => {
        $(
            #[doc = $help]
            pub(super) const $constant: Metric = Metric {
                name: $name,
                kind: Kind::$kind,
                labels: $labels,
                help: $help,
            };
        )+

        /// Every metric of a server.
        pub const ALL: &[Metric] = &[$($constant),+];
    };
}

metrics! {
    HANDLED Counter "protean_messages_handled_total" PLACE,
        "Messages that this server handled.";
    FAILED Counter "protean_messages_failed_total" PLACE,
        "Tries of this server that failed.";
    RETRIED Counter "protean_messages_retried_total" PLACE,
        "Tries of this server at messages that had failed before.";
    DEAD_LETTERED Counter "protean_messages_dead_lettered_total" PLACE,
        "Messages that this server gave up, into the dead-letter queue.";
    SOJOURN Histogram "protean_message_sojourn_seconds" PLACE,
        "From when a message was made to when a handler of this server had it for the first time.";
    HANDLER Histogram "protean_handler_duration_seconds" PLACE,
        "What handlers of this server took for a message, without the commit.";
    LAG Gauge "protean_lag_messages" PLACE,
        "Messages not handled yet, those of all servers.";
    PENDING Gauge "protean_pending_messages" PLACE,
        "Messages handed out or set aside and not handled yet, those of all servers.";
    DEAD Gauge "protean_dead_letters" PLACE,
        "Messages in the dead-letter queue.";
    OLDEST Gauge "protean_oldest_message_age_seconds" PLACE,
        "The age of the oldest message not handled yet; 0 when there is none.";
    RATE Gauge "protean_rate_messages_per_second" PLACE,
        "Messages handled per second lately, by all servers.";
    STALLED Gauge "protean_backfill_stalled_seconds" &["subscription", "stream", "cause"],
        "For how long backfill makes no progress although messages wait; absent while it does.";
    LEFT_ALONE Gauge "protean_subscription_left_alone" &["subscription", "stream"],
        "1 while this server leaves both lanes alone but for one message at a time, since the handler fails for everything, else 0.";
    OUTBOX_DEPTH Gauge "protean_outbox_depth_messages" &["lane"],
        "Messages that are committed and have not reached the broker; absent where a commit is all it takes.";
    OUTBOX_OLDEST Gauge "protean_outbox_oldest_message_age_seconds" &["lane"],
        "The age of the oldest of them; 0 when there is none.";
    GOVERNOR_SHARE Gauge "protean_governor_share_ratio" &[],
        "The part of its time that backfill may work, from nearly 0 to 1.";
    GOVERNOR_PRODUCTION Gauge "protean_governor_production_about" &[],
        "1 while the governor has seen production within the last second, else 0.";
    GOVERNOR_JUDGED Counter "protean_governor_judged_total" &["work"],
        "Pieces of primary work that this server's governor judged since its start.";
    GOVERNOR_LATE Counter "protean_governor_late_total" &["work"],
        "Those of them that it found late.";
    GOVERNOR_LIMIT Gauge "protean_governor_late_limit_seconds" &["work"],
        "What takes longer is late; 0 while the governor has not seen enough.";
    CONNECTIONS_USED Gauge "protean_connections_used" &["lane"],
        "Database connections in use; absent where there is no database server.";
    CONNECTIONS_MAX Gauge "protean_connections_max" &["lane"],
        "Database connections there may be.";
    CONNECTIONS_AWAITED Gauge "protean_connections_awaited" &["lane"],
        "Pieces of work that wait for a database connection.";
    CLEANED Counter "protean_cleaned_rows_total" &["kind"],
        "Rows that this server removed since they were older than the configuration keeps them.";
    READY Gauge "protean_ready" &[],
        "1 while the engine runs and the store answers, else 0.";
    STARTED Gauge "protean_start_time_seconds" &[],
        "When this server was started, in seconds since 1970.";
}

/// The metrics as a table of Markdown.
#[must_use]
pub fn table() -> String {
    let mut text = String::from("| Metric | Kind | Labels | Meaning |\n|---|---|---|---|\n");
    for metric in ALL {
        let Metric {
            name, kind, help, ..
        } = metric;
        let labels: Vec<String> = metric.labels.iter().map(|it| format!("`{it}`")).collect();
        let _ = writeln!(
            text,
            "| `{name}` | {} | {} | {help} |",
            kind.name(),
            labels.join(", ")
        );
    }
    text
}
