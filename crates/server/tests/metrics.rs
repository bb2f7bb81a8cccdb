//! What is written about metrics elsewhere is about metrics that there are.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::path::PathBuf;

use protean_server::monitor::catalog::{ALL, Kind, table};
use protean_server::stall::Cause;

/// Where the table begins in its file; all from there on is made from the code.
const START: &str = "| Metric |";

/// The variable that has the file made instead of compared.
const UPDATE: &str = "UPDATE_DOCS";

fn docs(name: &str) -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    root.join("../../docs/operate").join(name)
}

fn read(name: &str) -> String {
    std::fs::read_to_string(docs(name)).unwrap()
}

/// The words in a text that look like metrics.
fn mentioned(text: &str) -> BTreeSet<&str> {
    let is_part = |char: char| char.is_ascii_alphanumeric() || char == '_';
    let words = text.split(|char| !is_part(char));
    words.filter(|word| word.starts_with("protean_")).collect()
}

fn known() -> BTreeSet<String> {
    let series = |metric: &protean_server::monitor::catalog::Metric| match metric.kind {
        Kind::Counter | Kind::Gauge => vec![metric.name.to_owned()],
        Kind::Histogram => ["bucket", "sum", "count"]
            .map(|suffix| format!("{}_{suffix}", metric.name))
            .to_vec(),
    };
    ALL.iter().flat_map(series).collect()
}

#[test]
fn the_table_of_metrics_is_that_of_the_code() {
    let text = read("metrics.md");
    let (head, found) = text.split_at(text.find(START).unwrap());
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(docs("metrics.md"), format!("{head}{}", table())).unwrap();
        return;
    }
    assert_eq!(
        found,
        table(),
        "docs/operate/metrics.md is out of date; make it anew with \
         `{UPDATE}=1 cargo test -p protean-server --test metrics`"
    );
}

#[test]
fn every_cause_of_a_stall_is_explained() {
    let text = read("metrics.md");
    for cause in Cause::ALL {
        assert!(text.contains(&format!("| `{}` |", cause.name())), "{cause}");
    }
}

#[test]
fn dashboard_and_alerts_are_about_metrics_that_there_are() {
    let known = known();
    for name in ["dashboard.json", "alerts.yaml"] {
        let text = read(name);
        for word in mentioned(&text) {
            assert!(known.contains(word), "{name}: there is no metric {word}");
        }
    }
    let dashboard = read("dashboard.json");
    for metric in ALL {
        assert!(
            dashboard.contains(metric.name),
            "the dashboard does not show {}",
            metric.name
        );
    }
}

#[test]
fn the_dashboard_is_json_with_a_query_in_each_panel() {
    let dashboard: serde_json::Value = serde_json::from_str(&read("dashboard.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    assert!(!panels.is_empty());
    for panel in panels {
        let targets = panel["targets"].as_array().unwrap();
        assert!(
            targets
                .iter()
                .any(|target| !mentioned(target["expr"].as_str().unwrap()).is_empty()),
            "{panel}"
        );
    }
}

#[test]
fn units_and_kinds_are_in_the_names() {
    for metric in ALL {
        let is_total = metric.name.ends_with("_total");
        assert_eq!(is_total, metric.kind == Kind::Counter, "{}", metric.name);
        assert!(metric.help.ends_with('.'), "{}", metric.name);
    }
}
