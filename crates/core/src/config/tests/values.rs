use std::net::Ipv4Addr;
use std::num::NonZeroU32;
use std::time::Duration;

use proptest::prelude::*;

use super::parse;
use crate::config::{
    Age, BrokerProvider, Config, CrossLaneOrder, Metrics, PriorityLanes, Processing, Provider,
    Retention, RetryPolicy, Server, Synchronous, Telemetry,
};

#[test]
fn nothing_said_is_the_embedded_tier_with_lanes() {
    let config = parse("").unwrap();
    assert_eq!(config.server, Server::default());
    assert!(config.server.priority_lanes.enabled);
    assert_eq!(
        config.server.priority_lanes.cross_lane_order,
        CrossLaneOrder::None
    );
    assert_eq!(config.database.provider, Provider::Sqlite);
    assert_eq!(config.broker.provider, BrokerProvider::Inline);
    assert_eq!(config.command_processing, Processing::Async);
}

#[test]
fn every_key_is_read() {
    let text = r#"
        command_processing = "sync"
        event_processing = "sync"
        [databases.default]
        provider = "sqlite"
        path = "data/shop.db"
        synchronous = "full"
        [brokers.default]
        provider = "inline"
        [event_store]
        provider = "sqlite"
        [server]
        primary_concurrency = 7
        backfill_concurrency = 1
        drain_timeout = 2.5
        [server.priority_lanes]
        enabled = true
        threshold = -50
        quantum_ms = 3
        min_share = 0.01
        backfill_suffix = "bulk"
        cross_lane_order = "per_key"
        backfill_window = 500
        max_backlog = 100000
        [server.stream_subscription]
        max_retries = 5
        retry_delay_seconds = 0.5
        backoff_multiplier = 3
        max_backoff_seconds = 10
        jitter_factor = 0.1
        enable_dlq = false
        [custom]
        greeting = ["hello", { who = "you" }]
    "#;
    let config = parse(text).unwrap();
    assert_eq!(config.command_processing, Processing::Sync);
    assert_eq!(config.event_processing, Processing::Sync);
    assert_eq!(config.file.to_str(), Some("data/shop.db"));
    assert_eq!(config.database.synchronous, Synchronous::Full);
    let expected = Server {
        primary_concurrency: 7,
        backfill_concurrency: 1,
        drain_timeout: Duration::from_millis(2_500),
        priority_lanes: PriorityLanes {
            threshold: -50,
            quantum_ms: 3,
            min_share: 0.01,
            backfill_suffix: "bulk".to_owned(),
            cross_lane_order: CrossLaneOrder::PerKey,
            backfill_window: 500,
            max_backlog: NonZeroU32::new(100_000),
            ..PriorityLanes::default()
        },
        retry: RetryPolicy {
            max_attempts: 5,
            delay: Duration::from_millis(500),
            multiplier: 3.0,
            delay_max: Duration::from_secs(10),
            jitter: true,
            jitter_factor: 0.1,
            dead_letter: false,
        },
        ..Server::default()
    };
    assert_eq!(config.server, expected);
    assert_eq!(config.custom["greeting"][1]["who"].as_str(), Some("you"));
}

#[test]
fn ages_are_read_in_their_units_or_off() {
    let retention = |text| parse(text).unwrap().retention;
    let after = |seconds| Age::After(Duration::from_secs(seconds));
    assert_eq!(retention("").traces, after(30 * 86_400));
    let text =
        "[retention]\ncommands = \"2w\"\nmarkers = \"off\"\ntraces = \"0\"\nimports = \"90m\"";
    let expected = Retention {
        commands: after(14 * 86_400),
        markers: Age::Never,
        traces: Age::Never,
        imports: after(5_400),
    };
    assert_eq!(retention(text), expected);
    assert_eq!(retention("[retention]\ntraces = \"0d\"").traces, Age::Never);
}

#[test]
fn spans_go_to_a_collector_if_one_is_named() {
    let telemetry = |text| parse(text).unwrap().telemetry;
    assert_eq!(telemetry("").endpoint, None);
    let text = "[telemetry]\nendpoint = \"http://127.0.0.1:4318\"\nservice_name = \"shop\"\n\
         enabled = false\nbackfill_ratio = 0.5";
    let expected = Telemetry {
        enabled: false,
        endpoint: Some("http://127.0.0.1:4318".to_owned()),
        service_name: Some("shop".to_owned()),
        backfill_ratio: 0.5,
    };
    assert_eq!(telemetry(text), expected);
}

#[test]
fn metrics_are_a_switch_or_a_table() {
    let server = |text| parse(text).unwrap().server;
    assert!(!server("[server]\nmetrics = false").metrics.enabled);
    let text = "[server]\nstall_after = 30\n[server.metrics]\naddress = \"0.0.0.0\"\nport = 9100";
    let expected = Server {
        stall_after: Duration::from_secs(30),
        metrics: Metrics {
            enabled: true,
            address: Ipv4Addr::UNSPECIFIED.into(),
            port: 9_100,
        },
        ..Server::default()
    };
    assert_eq!(server(text), expected);
}

#[test]
fn lanes_are_a_switch_or_a_table() {
    let lanes = |text| parse(text).unwrap().server.priority_lanes;
    assert!(lanes("[server]\npriority_lanes = true").enabled);
    assert!(!lanes("[server]\npriority_lanes = false").enabled);
    assert!(lanes("[server.priority_lanes]\nthreshold = 10").enabled);
    assert!(!lanes("[server.priority_lanes]\nenabled = false").enabled);
}

#[test]
fn a_limit_of_the_backlog_can_be_taken_back() {
    let text = "[server.priority_lanes]\nmax_backlog = 9\n\
        [production.server.priority_lanes]\nmax_backlog = 0\n";
    let lanes = |overlay| {
        let config = Config::parse(text, "domain.toml", overlay, &|_| None);
        config.unwrap().server.priority_lanes
    };
    assert_eq!(lanes(None).max_backlog, NonZeroU32::new(9));
    assert_eq!(lanes(Some("production")).max_backlog, None);
    assert_eq!(parse("").unwrap().server.priority_lanes.max_backlog, None);
}

#[test]
fn a_handler_may_want_it_otherwise() {
    let text = "[server.stream_subscription]\nmax_retries = 9\n\
        [server.subscriptions.Mailer]\nretry_delay_seconds = 30\njitter = false\n";
    let config = parse(text).unwrap();
    let mailer = config.retry_for("Mailer");
    assert_eq!(mailer.max_attempts, 9, "the rest is that of all");
    assert_eq!(mailer.delay(1, 0.0), Duration::from_secs(30));
    assert_eq!(config.retry_for("Other").delay, Duration::from_secs(1));
}

#[test]
fn the_chosen_overlay_is_laid_over_the_rest() {
    let text = "command_processing = \"sync\"\n\
        [server]\nprimary_concurrency = 4\nbackfill_concurrency = 1\n\
        [production]\ncommand_processing = \"async\"\n\
        [production.server]\nprimary_concurrency = 64\n\
        [test.server]\nprimary_concurrency = 1\n";
    let overlaid = |name| Config::parse(text, "domain.toml", name, &|_| None).unwrap();
    let production = overlaid(Some("production"));
    assert_eq!(production.command_processing, Processing::Async);
    assert_eq!(production.server.primary_concurrency, 64);
    assert_eq!(production.server.backfill_concurrency, 1);
    assert_eq!(overlaid(Some("test")).server.primary_concurrency, 1);
    assert_eq!(overlaid(Some("unheard-of")).server.primary_concurrency, 4);
    assert_eq!(overlaid(None).command_processing, Processing::Sync);
}

#[test]
fn a_switch_and_a_table_of_one_key_are_merged() {
    let lanes = |base: &str, over: &str| {
        let text = format!("{base}\n{over}\n");
        let config = Config::parse(&text, "domain.toml", Some("test"), &|_| None);
        config.unwrap().server.priority_lanes
    };
    let table = "[server.priority_lanes]\nthreshold = -7";
    let off = lanes(table, "[test.server]\npriority_lanes = false");
    assert_eq!((off.enabled, off.threshold), (false, -7));
    let switch = "[server]\npriority_lanes = false";
    let still_off = lanes(switch, "[test.server.priority_lanes]\nthreshold = 3");
    assert_eq!((still_off.enabled, still_off.threshold), (false, 3));
}

#[test]
fn a_variable_is_needed_only_where_its_value_is() {
    let text = "[databases.default]\npath = \"${UNSET}\"\n\
        [production.databases.default]\npath = \"${UNSET_TOO}\"\n\
        [test.databases.default]\npath = \"test.db\"\n";
    let config = Config::parse(text, "domain.toml", Some("test"), &|_| None).unwrap();
    assert_eq!(config.file.to_str(), Some("test.db"));
}

#[test]
fn variables_stand_in_texts() {
    let text = "[databases.default]\npath = \"${ROOT}/shop.db\"\n\
        [server]\nprimary_concurrency = \"${WORKERS|12}\"\npriority_lanes = \"${LANES|false}\"\n";
    let variable = |name: &str| (name == "ROOT").then(|| "/data".to_owned());
    let config = Config::parse(text, "domain.toml", None, &variable).unwrap();
    assert_eq!(config.file.to_str(), Some("/data/shop.db"));
    assert_eq!(config.server.primary_concurrency, 12);
    assert!(!config.server.priority_lanes.enabled);
}

#[test]
fn a_uri_may_be_a_file_and_no_password_is_printed() {
    let uri = |uri| parse(&format!("[databases.default]\ndatabase_uri = \"{uri}\"")).unwrap();
    assert_eq!(uri("sqlite:///shop.db").file.to_str(), Some("shop.db"));
    assert_eq!(
        uri("sqlite:////data/shop.db").file.to_str(),
        Some("/data/shop.db")
    );
    let config = uri("postgresql://shop:hunter2@db/shop");
    assert!(!format!("{config:?}").contains("hunter2"));
}

proptest! {
    #[test]
    fn delays_never_panic_and_never_pass_the_longest(
        failures in any::<u32>(),
        random in any::<f64>(),
        seconds in 0.0..86_400.0_f64,
        multiplier in 1.0..100.0_f64,
    ) {
        let policy = RetryPolicy {
            delay: Duration::from_secs_f64(seconds),
            multiplier,
            ..RetryPolicy::default()
        };
        prop_assert!(policy.delay(failures, random) <= policy.delay_max.mul_f64(1.25));
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in any::<String>(), overlay in any::<Option<String>>()) {
        let _ = Config::parse(&text, "domain.toml", overlay.as_deref(), &|_| None);
    }

    #[test]
    fn no_value_makes_the_reader_panic(
        key in "(server|databases|brokers|custom|event_store|x)(\\.(default|priority_lanes|subscriptions|stream_subscription))?",
        name in "(enabled|threshold|provider|path|min_share|drain_timeout|max_retries|URI)",
        value in "(-?[0-9]{1,25}|[0-9]\\.[0-9]e[0-9]{1,4}|nan|inf|true|\"[$]?[{]?A?[|]?[}]?\"|\\[1, 2\\]|\\{ a = 1 \\})",
    ) {
        let _ = parse(&format!("[{key}]\n{name} = {value}\n"));
    }
}
