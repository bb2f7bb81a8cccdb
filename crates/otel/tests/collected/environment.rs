//! What the standard variables say goes before the configuration.

use std::process::Command;

use protean::traceparent;

use crate::collector::Collector;
use crate::shop::{World, settled, store};

/// Set in the process that the variables are meant for.
const IN_A_PROCESS: &str = "PROTEAN_OTEL_TEST_CHILD";

/// Does something in the process that the other test starts; nothing in any other.
#[tokio::test(flavor = "multi_thread")]
async fn in_a_process_of_its_own() {
    if std::env::var_os(IN_A_PROCESS).is_none() {
        return;
    }
    let world = World::new("");
    let api = world.open("from-the-file").await;
    let server = world.server().await;
    api.process(store("quiet")).await.unwrap();
    let given = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let process = api.process(store("loud"));
    let accepted = traceparent::scope(Some(given), async { process.await });
    accepted.await.unwrap();
    settled(&api).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_standard_variables_say_where_whose_and_which() {
    let collector = Collector::start().await;
    let mut child = Command::new(std::env::current_exe().unwrap());
    child
        .args(["--exact", "environment::in_a_process_of_its_own"])
        .env(IN_A_PROCESS, "1")
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint)
        .env("OTEL_SERVICE_NAME", "from-the-environment")
        .env("OTEL_TRACES_SAMPLER", "parentbased_always_off");
    let ran = tokio::task::spawn_blocking(move || child.output()).await;
    let output = ran.unwrap().unwrap();
    assert!(output.status.success(), "{output:?}");
    let spans = collector.at_least(3).await;
    assert_eq!(spans.len(), 3, "{spans:#?}");
    for span in spans {
        assert_eq!(span.service, "from-the-environment");
        assert_eq!(span.trace, "4bf92f3577b34da6a3ce929d0e0e4736");
    }
}
