//! Bulk work does not flood the collector.

use std::collections::HashSet;

use protean::app::Submission;
use protean::app::import::{Row, iter};
use protean::{Priority, traceparent};

use crate::collector::Collector;
use crate::shop::{World, processes, settled, store};

/// So many that each of them sampled would show.
const BULK: usize = 200;

async fn bulk(world: &World, given: Option<&str>) {
    let api = world.open("api").await;
    let server = world.server().await;
    let submissions = (0..BULK).map(|nth| {
        let command = store(&nth.to_string());
        Submission::new(command).priority(Priority::Bulk)
    });
    let submissions: Vec<_> = submissions.collect();
    let outcomes = traceparent::scope(given, api.process_chunk(submissions)).await;
    assert!(outcomes.iter().all(Result::is_ok));
    api.process(store("urgent")).await.unwrap();
    settled(&api).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_bulk_work_only_a_part_is_sampled_and_of_production_everything() {
    let collector = Collector::start().await;
    let settings = format!("endpoint = \"{}\"\nbackfill_ratio = 0", collector.endpoint);
    bulk(&World::new(&settings), None).await;
    let spans = collector.at_least(3).await;
    let lanes: Vec<_> = spans.iter().map(|span| span.get("protean.lane")).collect();
    assert_eq!(lanes, vec![Some("primary".to_owned()); 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn bulk_work_of_a_trace_that_is_sampled_is_sampled() {
    let given = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let collector = Collector::start().await;
    let settings = format!("endpoint = \"{}\"\nbackfill_ratio = 0", collector.endpoint);
    bulk(&World::new(&settings), Some(given)).await;
    let expected = 1 + 2 * BULK + 3;
    let spans = collector.at_least(expected).await;
    assert_eq!(spans.len(), expected);
    let backfill = spans.iter().filter(|span| given.contains(&span.trace));
    for span in backfill {
        let told = span.all(["protean.lane", "protean.priority"]);
        assert_eq!(told, ["backfill", "-100"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_row_of_an_import_begins_a_trace_of_its_own() {
    let collector = Collector::start().await;
    let settings = format!("endpoint = \"{}\"\nbackfill_ratio = 1", collector.endpoint);
    let world = World::new(&settings);
    let api = world.open("importer").await;
    let rows = ["a", "b", "c"].map(|place| Row::new(store(place)));
    let import = api.import(iter(rows)).name("parcels");
    import.run().await.unwrap();
    let server = world.server().await;
    settled(&api).await;
    server.stop().await;
    let spans = collector.at_least(6).await;
    assert_eq!(spans.len(), 6, "{spans:#?}");
    let begins = spans.iter().filter(|span| span.parent.is_empty());
    let traces: HashSet<_> = begins.map(|span| &span.trace).collect();
    assert_eq!(traces.len(), 3, "{spans:#?}");
    assert!(spans.iter().all(|span| span.service == "server"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_that_its_caller_does_not_sample_is_carried_on_and_not_collected() {
    let given = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
    let (collector, _world, api, server) = processes().await;
    let process = api.process(store("quiet")).correlation_id("quiet");
    let accepted = traceparent::scope(Some(given), async { process.await });
    accepted.await.unwrap();
    api.process(store("loud")).await.unwrap();
    settled(&api).await;
    server.stop().await;
    let spans = collector.at_least(3).await;
    assert!(spans.iter().all(|span| !given.contains(&span.trace)));
    let messages = api.tier().log.trace("quiet", 10).await.unwrap();
    assert_eq!(messages.len(), 2);
    for entry in messages {
        let carried = entry.message.traceparent.clone().unwrap();
        assert!(carried.starts_with(&given[..36]), "{carried}");
        assert!(carried.ends_with("-00"), "{carried}");
    }
}
