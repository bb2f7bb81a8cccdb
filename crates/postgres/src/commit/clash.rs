//! What a refused change clashed with, in words.

use deadpool_postgres::Client;
use protean_core::port::store::{Change, Commit, Committed, Refused, Write};
use protean_core::schema::{Row, Value};
use tokio_postgres::Error;
use tokio_postgres::types::ToSql;

use crate::error::failed;
use crate::sql::quoted;
use crate::value::{column_type, single, wire_type};

/// The numbers of commits, and what became of them.
pub(super) type Refusals = Vec<(usize, Result<Committed, Refused>)>;

/// Finds out what the inserts among refused changes clashed with.
pub(super) async fn explain(client: &Client, commits: &[&Commit], refused: Refusals) -> Refusals {
    let _ = client.batch_execute("ROLLBACK").await;
    let mut explained = Vec::with_capacity(refused.len());
    for (nth, result) in refused {
        let result = match result {
            Err(Refused::Conflict { table, id }) => {
                let commit = commits[nth];
                Err(clash(client, commit, table, id).await)
            }
            other => other,
        };
        explained.push((nth, result));
    }
    explained
}

/// What a change that was not made clashed with: for an insert, the value that was there before.
async fn clash(client: &Client, commit: &Commit, table: &'static str, id: String) -> Refused {
    let inserts = commit.writes.iter().find(|write| {
        let Change::Insert(row) = &write.change else {
            return false;
        };
        write.schema.table == table && key(write, row) == id
    });
    let Some(Write {
        schema,
        change: Change::Insert(row),
    }) = inserts
    else {
        return Refused::Conflict { table, id };
    };
    let unique = schema
        .fields
        .iter()
        .zip(row)
        .filter(|(field, _)| field.unique);
    for (field, value) in unique {
        let Ok(parameter) = single(field, value) else {
            continue;
        };
        let sql = format!(
            "SELECT 1 FROM {} WHERE {} = ($1::{})::{}",
            quoted(table),
            quoted(field.name),
            wire_type(field.kind),
            column_type(field.kind)
        );
        let parameters: [&(dyn ToSql + Sync); 1] = [&*parameter];
        if let Ok(Some(_)) = client.query_opt(&sql, &parameters).await {
            let what = format!("{} {}", field.name, value.to_key());
            return Refused::Exists { table, what };
        }
    }
    let identity = schema
        .identifier()
        .map_or("id", |at| schema.fields[at].name);
    Refused::Exists {
        table,
        what: format!("{identity} {id}"),
    }
}

fn key(write: &Write, row: &Row) -> String {
    let value = write.schema.identifier().and_then(|at| row.get(at));
    value.map(Value::to_key).unwrap_or_default()
}

/// The refusal that an error of the only commit means.
pub(super) fn refusal(commit: &Commit, error: &Error) -> Refused {
    let told = error.as_db_error();
    let table = told.and_then(|told| told.table());
    let constraint = told.and_then(|told| told.constraint());
    let write = commit
        .writes
        .iter()
        .find(|write| Some(write.schema.table) == table);
    if let (Some(write), Some(constraint)) = (write, constraint)
        && error.code() == Some(&tokio_postgres::error::SqlState::UNIQUE_VIOLATION)
    {
        let table = write.schema.table;
        let column = constraint
            .strip_prefix(table)
            .map_or(constraint, |rest| rest.trim_start_matches('_'));
        let detail = told.and_then(|told| told.detail()).unwrap_or_default();
        return Refused::Exists {
            table,
            what: format!("{column}: {detail}"),
        };
    }
    Refused::Store(failed("the change", error))
}
