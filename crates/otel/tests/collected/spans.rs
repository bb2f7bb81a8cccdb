//! What the spans of a request say, and how they hang together.

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use protean::app::Submission;
use protean::traceparent;

use crate::collector::{Collected, Collector};
use crate::shop::{PAYLOAD, World, processes, settled, store};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

/// What a caller's header says.
fn header() -> String {
    format!("00-{TRACE}-{CALLER}-01")
}

/// The spans with this name.
fn named<'a>(spans: &'a [Collected], name: &str) -> Vec<&'a Collected> {
    spans.iter().filter(|span| span.name == name).collect()
}

const SEND: &str = "send Depot.Store.v1";
const HANDLE: &str = "process ParcelHandler";
const PROJECT: &str = "process ShelfProjector";

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_goes_on_through_the_processes_of_a_request() {
    let (collector, _world, api, server) = processes().await;
    let process = api.process(store(PAYLOAD)).correlation_id("request-1");
    let given = header();
    let accepted = traceparent::scope(Some(&given), async { process.await });
    let command_id = accepted.await.unwrap().command_id.to_string();

    let spans = collector.at_least(3).await;
    assert_eq!(spans.len(), 3, "{spans:#?}");
    let mut parent = CALLER.to_owned();
    for (name, service, kind) in [
        (SEND, "api", SpanKind::Producer),
        (HANDLE, "server", SpanKind::Consumer),
        (PROJECT, "server", SpanKind::Consumer),
    ] {
        let span = named(&spans, name)[0];
        assert_eq!(span.trace, TRACE, "{name}");
        assert_eq!(span.parent, parent, "{name}");
        assert_eq!(
            (&*span.service, span.kind),
            (service, kind as i32),
            "{name}"
        );
        assert_eq!(span.error, None, "{name}");
        assert!(!span.took.is_zero(), "{name}");
        assert!(!format!("{span:?}").contains(PAYLOAD), "{span:?}");
        let told = span.all([
            "messaging.system",
            "messaging.message.conversation_id",
            "protean.lane",
            "protean.priority",
        ]);
        assert_eq!(told, ["protean", "request-1", "primary", "0"], "{name}");
        parent.clone_from(&span.id);
    }
    let handled = named(&spans, HANDLE)[0].all([
        "messaging.operation.type",
        "messaging.destination.name",
        "messaging.consumer.group.name",
        "messaging.message.id",
        "protean.message.type",
        "protean.attempt",
        "protean.outcome",
    ]);
    let expected = [
        "process",
        "depot::parcel:command",
        "ParcelHandler",
        &command_id,
        "Depot.Store.v1",
        "1",
        "done",
    ];
    assert_eq!(handled, expected);
    assert_eq!(
        named(&spans, SEND)[0].get("protean.outcome").as_deref(),
        Some("accepted")
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_try_is_a_span_and_a_failed_one_is_an_error() {
    let (collector, world, api, server) = processes().await;
    world.fail(1);
    api.process(store("away")).await.unwrap();
    settled(&api).await;
    server.stop().await;

    let spans = collector.at_least(4).await;
    let send = named(&spans, SEND)[0];
    let tries = named(&spans, HANDLE);
    let told = tries
        .iter()
        .map(|span| span.all(["protean.attempt", "protean.outcome"]));
    let told: Vec<_> = told.collect();
    assert_eq!(told, [["1", "set_aside"], ["2", "done"]]);
    for span in &tries {
        assert_eq!((&span.trace, &span.parent), (&send.trace, &send.id));
    }
    assert_eq!(tries[0].error.as_deref(), Some("the place is away"));
    assert_eq!(tries[0].get("error.type").as_deref(), Some("_OTHER"));
    assert_eq!(tries[1].error, None);
    assert_eq!(named(&spans, PROJECT)[0].parent, tries[1].id);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_given_up_says_so() {
    let (collector, _world, api, server) = processes().await;
    api.process(store("nowhere")).await.unwrap();
    let spans = collector.at_least(2).await;
    server.stop().await;
    let failed = named(&spans, HANDLE)[0];
    let error = failed.error.as_deref();
    assert_eq!(error, Some("[PE0110] there is no such place"));
    let told = failed.all(["protean.outcome", "error.type"]);
    assert_eq!(told, ["dead_lettered", "PE0110"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_of_one_write_share_the_span_of_sending() {
    let (collector, _world, api, server) = processes().await;
    let submissions = ["a", "b", "c"].map(|place| Submission::new(store(place)));
    for outcome in api.process_chunk(submissions).await {
        outcome.unwrap();
    }
    settled(&api).await;
    server.stop().await;
    let spans = collector.at_least(7).await;
    assert_eq!(spans.len(), 7, "{spans:#?}");
    let send = named(&spans, SEND)[0];
    let count = send.get("messaging.batch.message_count");
    assert_eq!(count.as_deref(), Some("3"));
    for handled in named(&spans, HANDLE) {
        assert_eq!((&handled.trace, &handled.parent), (&send.trace, &send.id));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_handled_inline_belongs_to_the_span_of_its_command() {
    let collector = Collector::start().await;
    let world = World::sending_to(&collector.endpoint);
    let api = world.open("api").await;
    api.process(store("here")).inline().await.unwrap();
    let refused = api.process(store("nowhere")).inline().await;
    assert!(refused.is_err());
    let server = world.server().await;
    settled(&api).await;
    server.stop().await;
    let spans = collector.at_least(3).await;
    let sent = named(&spans, SEND);
    let outcomes: Vec<_> = sent
        .iter()
        .map(|span| span.get("protean.outcome"))
        .collect();
    assert_eq!(
        outcomes,
        [Some("accepted".to_owned()), Some("refused".to_owned())]
    );
    assert_eq!(named(&spans, PROJECT)[0].parent, sent[0].id);
    assert!(sent[1].error.is_some());
}
