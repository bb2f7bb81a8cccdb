use super::{parse, problems};
use crate::config::Config;

#[test]
fn all_problems_are_told_together_in_the_order_of_lines() {
    let text = "\
command_processing = \"later\"

[server]
priority_lane = true
primary_concurrency = 0
drain_timeout = \"long\"

[server.priority_lanes]
min_share = 0.9
max_backlog = -1
max_backlogs = 1

[server.metrics]
address = \"localhost\"

[serve]
port = 1
";
    assert_eq!(
        problems(text),
        [
            "domain.toml:1: command_processing: expected \"async\" or \"sync\", found \"later\"",
            "domain.toml:4: server.priority_lane: unknown key; did you mean `priority_lanes`?",
            "domain.toml:5: server.primary_concurrency: expected a whole number from 1 to 1024, \
             found 0",
            "domain.toml:6: server.drain_timeout: expected a number from 0 to 3600, found \"long\"",
            "domain.toml:9: server.priority_lanes.min_share: expected a number from 0 to 0.5, \
             found 0.9",
            "domain.toml:10: server.priority_lanes.max_backlog: expected a whole number from 0 to \
             4294967295, found -1",
            "domain.toml:11: server.priority_lanes.max_backlogs: unknown key; did you mean \
             `max_backlog`?",
            "domain.toml:14: server.metrics.address: expected an IP address such as \
             \"127.0.0.1\", found \"localhost\"",
            "domain.toml:16: serve: unknown key; did you mean `server`?",
        ]
    );
}

#[test]
fn a_value_of_the_wrong_type_is_told() {
    assert_eq!(
        problems("server = 3\ndatabases = { default = [] }\ncustom = true"),
        [
            "domain.toml:1: server: expected a table, found 3",
            "domain.toml:2: databases.default: expected a table, found an array",
            "domain.toml:3: custom: expected a table, found true",
        ]
    );
    assert_eq!(
        problems("[server]\npriority_lanes = \"on\""),
        ["domain.toml:2: server.priority_lanes: expected true, false or a table, found \"on\""]
    );
}

#[test]
fn a_collector_behind_tls_is_told() {
    let text =
        "[telemetry]\nendpoint = \"https://far:4318\"\nbackfill_ratio = 2\nexporter = \"otlp\"";
    assert_eq!(
        problems(text),
        [
            "domain.toml:2: telemetry.endpoint: expected a URL that begins with \"http://\", as \
             \"http://127.0.0.1:4318\" (spans are sent without TLS: a collector on this machine \
             can send them on), found \"https://far:4318\"",
            "domain.toml:3: telemetry.backfill_ratio: expected a number from 0 to 1, found 2",
            "domain.toml:4: telemetry.exporter: known to Protean for Python, has no effect here; \
             remove it",
        ]
    );
}

#[test]
fn an_age_that_is_none_is_told() {
    let wanted = "expected an age such as \"90d\" (in s, m, h, d or w, at most 36500 days), or \
        \"off\" to keep it for ever";
    assert_eq!(
        problems(
            "[retention]\ncommands = \"90\"\nmarkers = 90\ntraces = \"40000d\"\nevents = \"1d\""
        ),
        [
            format!("domain.toml:2: retention.commands: {wanted}, found \"90\""),
            format!("domain.toml:3: retention.markers: {wanted}, found 90"),
            format!("domain.toml:4: retention.traces: {wanted}, found \"40000d\""),
            "domain.toml:5: retention.events: unknown key; expected one of commands, markers, \
             traces, imports"
                .to_owned(),
        ]
    );
}

#[test]
fn a_key_of_the_other_protean_is_told_apart() {
    let advice = "known to Protean for Python, has no effect here; remove it";
    assert_eq!(
        problems("enable_outbox = true\n[server]\ntick_interval = 0\n"),
        [
            format!("domain.toml:1: enable_outbox: {advice}"),
            format!("domain.toml:3: server.tick_interval: {advice}"),
        ]
    );
}

#[test]
fn events_live_where_the_rows_live() {
    assert_eq!(
        problems("[event_store]\nprovider = \"message_db\"\n"),
        ["domain.toml:2: event_store.provider: expected \"sqlite\", found \"message_db\""]
    );
    assert!(parse("[databases.default]\nprovider = \"postgresql\"\n[event_store]\nprovider = \"postgresql\"").is_ok());
}

#[test]
fn a_variable_that_is_not_set_is_named() {
    assert_eq!(
        problems("[databases.default]\n\npath = \"${ROOT}/x\"\n"),
        [
            "domain.toml:3: databases.default.path: expected the environment variable ROOT, found it \
          unset; set it, or write `${ROOT|default}`"
        ]
    );
    assert_eq!(
        problems("[custom]\nx = \"a${b\""),
        ["domain.toml:2: custom.x: expected `}` after `${`, found the end of the text"]
    );
}

#[test]
fn what_is_no_toml_is_told_with_its_line() {
    let told = problems("[server]\nworkers = = 1\n");
    assert_eq!(told.len(), 1);
    assert!(
        told[0].starts_with("domain.toml:2: expected TOML: "),
        "{told:?}"
    );
    let error = parse("[server").unwrap_err().to_string();
    assert!(
        error.starts_with("[PE0401] the configuration is wrong\n  domain.toml:1: "),
        "{error}"
    );
}

#[test]
fn an_overlay_with_an_unknown_key_is_told_when_it_is_chosen() {
    let text = "[production]\nsrver = 1\n";
    let chosen = Config::parse(text, "domain.toml", Some("production"), &|_| None);
    let error = chosen.unwrap_err();
    assert_eq!(
        error.problems()[0].to_string(),
        "domain.toml:2: srver: unknown key; did you mean `server`?"
    );
}
