//! The results for programs.

use serde_json::{Value, json};

use crate::measure::Measured;
use crate::phase::Phase;
use crate::plan::Plan;
use crate::summary::{Results, Run, Summary, Times};
use protean_benchmarks::figures::Figures;

/// `{"version", "plan", "summaries", "runs", "errors"}`; times in milliseconds.
pub(crate) fn of(plan: &Plan, results: &Results) -> Value {
    let phases: Vec<&str> = plan.phases().iter().copied().map(Phase::name).collect();
    let plan = json!({
        "tier": format!("{:?}", plan.tier).to_lowercase(),
        "rates": plan.rate,
        "phases": phases,
        "seconds": plan.seconds,
        "warm_up_seconds": plan.warm_up,
        "repetitions": plan.repetitions,
    });
    json!({
        "version": 1,
        "plan": plan,
        "summaries": results.summaries().iter().map(summary).collect::<Vec<_>>(),
        "runs": results.runs.iter().map(run).collect::<Vec<_>>(),
        "errors": results.errors(),
    })
}

fn summary(summary: &Summary) -> Value {
    json!({
        "requests_per_second": summary.per_second,
        "phase": summary.phase.name(),
        "answered": times(&summary.answered),
        "visible": times(&summary.visible),
        "late": figures(&summary.late),
        "benchmark_processors": summary.processors,
        "books_per_second": summary.books_per_second,
        "of_off": summary.of_off,
        "of_off_alone": summary.of_off_alone,
        "backlog": {"least": summary.backlog_least, "looks": summary.looks, "dry": summary.dry},
        "import_ended": summary.import_ended,
        "errors": summary.errors,
        "missed": summary.missed,
    })
}

fn times(times: &Times) -> Value {
    let against = times.against_idle.as_ref().map(|against| {
        json!({
            "p50_ratio": against.p50,
            "p99_ratio": against.p99,
            "p999_ratio": against.p999,
            "over_ms": against.over_ms,
            "over_worst_ms": against.over_worst_ms,
            "broken": against.broken(),
        })
    });
    json!({"figures": figures(&times.figures), "against_idle": against})
}

fn run(run: &Run) -> Value {
    let mut value = match &run.outcome {
        Ok(measured) => outcome(measured),
        Err(why) => json!({"not_measured": why}),
    };
    value["repetition"] = run.repetition.into();
    value["requests_per_second"] = run.per_second.into();
    value["phase"] = run.phase.name().into();
    value
}

fn outcome(measured: &Measured) -> Value {
    let backlog = &measured.backlog;
    json!({
        "answered": figures(&measured.answered),
        "visible": figures(&measured.visible),
        "late": figures(&measured.late),
        "benchmark_processors": measured.processors,
        "books_per_second": measured.books_per_second,
        "backlog": {"least": backlog.least, "looks": backlog.looks, "dry": backlog.dry},
        "import_ended": measured.import_ended,
        "errors": measured.errors,
        "told": measured.told,
        "missed": measured.missed,
    })
}

fn figures(figures: &Figures) -> Value {
    json!({
        "count": figures.count,
        "p50": figures.p50,
        "p95": figures.p95,
        "p99": figures.p99,
        "p999": figures.p999,
        "max": figures.max,
    })
}
