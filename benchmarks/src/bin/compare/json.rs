//! What was measured, for programs.

use protean_benchmarks::figures::Figures;
use serde_json::{Value, json};

use crate::plan::{Entry, Plan};
use crate::report::{Summary, summaries};
use crate::trial::{Measured, Orders};

/// `{"version", "plan", "summaries", "runs"}`; times in milliseconds, but for what says seconds.
pub(crate) fn of(plan: &Plan, entries: &[Entry]) -> Value {
    let summaries = summaries(plan, entries);
    json!({
        "version": 1,
        "plan": {
            "rows": plan.rows,
            "orders_per_second": plan.rate,
            "seconds": plan.seconds,
            "repetitions": plan.repetitions,
            "patience_seconds": plan.patience,
        },
        "summaries": summaries.iter().map(summary).collect::<Vec<_>>(),
        "runs": entries.iter().map(run).collect::<Vec<_>>(),
    })
}

fn summary(one: &Summary) -> Value {
    json!({
        "peer": one.peer.name(),
        "title": one.peer.title(),
        "repetitions": one.repetitions,
        "books": one.books,
        "books_per_second": one.books_per_second,
        "books_per_second_with_orders": one.busy_books_per_second,
        "idle": orders(&one.idle),
        "busy": orders(&one.busy),
        "memory_bytes": one.memory_bytes,
        "redis_bytes": one.redis_bytes,
        "bulk_ended": one.bulk_ended,
    })
}

fn run(entry: &Entry) -> Value {
    let mut value = match &entry.outcome {
        Err(why) => json!({"not_measured": why}),
        Ok(measured) => outcome(measured),
    };
    value["peer"] = entry.peer.name().into();
    value["repetition"] = entry.repetition.into();
    value
}

fn outcome(measured: &Measured) -> Value {
    let bulk = &measured.bulk;
    json!({
        "books": bulk.books,
        "seconds": bulk.took.as_secs_f64(),
        "books_per_second": bulk.rate(),
        "books_per_second_with_orders": measured.busy_books_per_second,
        "idle": orders(&measured.idle),
        "busy": orders(&measured.busy),
        "memory_bytes": bulk.memory_bytes,
        "redis_bytes": bulk.redis_bytes,
        "bulk_ended": measured.bulk_ended,
    })
}

fn orders(orders: &Orders) -> Value {
    let Figures {
        count,
        p50,
        p95,
        p99,
        max,
        ..
    } = orders.visible;
    json!({"count": count, "p50": p50, "p95": p95, "p99": p99, "max": max, "missed": orders.missed})
}
