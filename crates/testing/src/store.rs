//! The store: rows and commits.

use protean_core::Lane;
use protean_core::Priority;
use protean_core::port;
use protean_core::port::store::{Change, Commit, Committed, Direction, Query, Refused};
use protean_core::schema::Value;
use uuid::Uuid;

use crate::item::{self, ITEM, change, claim, commit, insert, load, message, publication, row};
use crate::{Fixture, ready};

/// Every kind of value, nothing among them, survives.
pub async fn a_row_comes_back_as_it_was_written(fixture: impl Fixture) {
    let tier = ready(&fixture).await;
    let id = Uuid::now_v7();
    let mut written = row(id, "O'Neil \"the\" 書\n", i64::MAX / 100 - 1);
    written[5] = Value::Decimal("12345678901.20".parse().unwrap());
    commit(&tier, change(Change::Insert(written.clone())))
        .await
        .unwrap();
    let other = fixture.open().await;
    let stored = load(&other, id).await.unwrap();
    assert_eq!(stored.row, written);
    assert_eq!(stored.version, 0);
    assert_eq!(load(&tier, Uuid::now_v7()).await, None);
}

/// Somebody who read an older version is refused.
pub async fn an_update_needs_the_version_that_was_read(fixture: impl Fixture) {
    let tier = ready(&fixture).await;
    let id = Uuid::now_v7();
    commit(&tier, insert(id, "new", 0)).await.unwrap();
    let update = |name, expected| {
        change(Change::Update {
            row: row(id, name, 1),
            expected,
        })
    };
    commit(&tier, update("first", 0)).await.unwrap();
    let late = commit(&tier, update("late", 0)).await.unwrap_err();
    assert!(
        matches!(late, Refused::Conflict { table: "item", .. }),
        "{late}"
    );
    let stored = load(&tier, id).await.unwrap();
    assert_eq!(
        (stored.version, &stored.row[1]),
        (1, &Value::Text("first".to_owned()))
    );
    let gone = change(Change::Update {
        row: row(Uuid::now_v7(), "gone", 1),
        expected: 0,
    });
    assert!(matches!(
        commit(&tier, gone).await,
        Err(Refused::Conflict { .. })
    ));
}

/// Neither an identity nor the value of a unique column is taken twice.
pub async fn a_row_is_inserted_once(fixture: impl Fixture) {
    let tier = ready(&fixture).await;
    let id = Uuid::now_v7();
    commit(&tier, insert(id, "first", 0)).await.unwrap();
    let again = commit(&tier, insert(id, "second", 0)).await.unwrap_err();
    assert!(
        matches!(again, Refused::Exists { table: "item", .. }),
        "{again}"
    );
    let coded = || {
        let mut row = row(Uuid::now_v7(), "coded", 0);
        row[8] = Value::Text("c-1".to_owned());
        change(Change::Insert(row))
    };
    commit(&tier, coded()).await.unwrap();
    let clash = commit(&tier, coded()).await.unwrap_err();
    assert!(
        matches!(clash, Refused::Exists { table: "item", .. }),
        "{clash}"
    );
}

/// A put inserts or replaces, and counts the version on.
pub async fn a_put_does_not_ask(fixture: impl Fixture) {
    let tier = ready(&fixture).await;
    let id = Uuid::now_v7();
    for (count, version) in [(1, 0), (2, 1), (3, 2)] {
        commit(&tier, change(Change::Put(row(id, "put", count))))
            .await
            .unwrap();
        let stored = load(&tier, id).await.unwrap();
        assert_eq!(
            (stored.version, &stored.row[2]),
            (version, &Value::Integer(count))
        );
    }
}

/// A row is deleted by who read its newest version.
pub async fn a_deleted_row_is_gone(fixture: impl Fixture) {
    let tier = ready(&fixture).await;
    let id = Uuid::now_v7();
    commit(&tier, insert(id, "new", 0)).await.unwrap();
    let delete = |expected| {
        let id = Value::Uuid(id);
        change(Change::Delete { id, expected })
    };
    assert!(matches!(
        commit(&tier, delete(3)).await,
        Err(Refused::Conflict { .. })
    ));
    commit(&tier, delete(0)).await.unwrap();
    assert_eq!(load(&tier, id).await, None);
}

/// A change that publishes a message is the same as one that does not, whatever it is.
pub async fn a_change_beside_a_message_is_as_without(fixture: impl Fixture) {
    let tier = ready(&fixture).await;
    let with_message = |change: Change| {
        let published = publication(&[message(Some("k"), Priority::Normal)]);
        let messages = published.messages;
        Commit {
            messages,
            ..item::change(change)
        }
    };
    let id = Uuid::now_v7();
    let mut full = row(id, "O'Neil \"the\" 書\n", i64::MAX / 100 - 1);
    full[5] = Value::Decimal("12345678901.20".parse().unwrap());
    let mut bare = row(id, "", 0);
    for (field, value) in ITEM.fields.iter().zip(&mut bare) {
        if field.optional {
            *value = Value::Null;
        }
    }
    let steps = [
        (Change::Insert(full.clone()), &full, 0),
        (Change::Put(bare.clone()), &bare, 1),
        (Change::Put(full.clone()), &full, 2),
        (
            Change::Update {
                row: bare.clone(),
                expected: 2,
            },
            &bare,
            3,
        ),
    ];
    for (change, row, version) in steps {
        commit(&tier, with_message(change)).await.unwrap();
        let stored = load(&tier, id).await.unwrap();
        assert_eq!((&stored.row, stored.version), (row, version));
    }
    let again = commit(&tier, with_message(Change::Insert(full.clone()))).await;
    assert!(matches!(again, Err(Refused::Exists { .. })), "{again:?}");
    let stale = Change::Update {
        row: full,
        expected: 2,
    };
    let stale = commit(&tier, with_message(stale)).await;
    assert!(matches!(stale, Err(Refused::Conflict { .. })), "{stale:?}");
    let delete = |expected| {
        let id = Value::Uuid(id);
        with_message(Change::Delete { id, expected })
    };
    let stale = commit(&tier, delete(2)).await;
    assert!(matches!(stale, Err(Refused::Conflict { .. })), "{stale:?}");
    commit(&tier, delete(3)).await.unwrap();
    assert_eq!(load(&tier, id).await, None);
}

/// The others of its batch happen, in order.
pub async fn a_refused_commit_costs_only_itself(fixture: impl Fixture) {
    let tier = ready(&fixture).await;
    let ids: Vec<Uuid> = (0..4).map(|_| Uuid::now_v7()).collect();
    commit(&tier, insert(ids[1], "taken", 0)).await.unwrap();
    let batch = ids.iter().map(|id| insert(*id, "batch", 1)).collect();
    for (nth, result) in tier
        .store
        .commit(Lane::Backfill, batch)
        .await
        .iter()
        .enumerate()
    {
        assert_eq!(result.is_err(), nth == 1, "{nth}: {result:?}");
    }
    for (nth, id) in ids.iter().enumerate() {
        let expected = if nth == 1 { "taken" } else { "batch" };
        let stored = load(&tier, *id).await.unwrap();
        assert_eq!(stored.row[1], Value::Text(expected.to_owned()));
    }
}

/// A batch of backfill beside production, which a store may take apart as it likes, is what it would
/// be in one piece: each commit has its result, and the messages come in order.
pub async fn a_large_batch_beside_production_is_as_in_one_piece(fixture: impl Fixture) {
    const COUNT: usize = 50;
    const TAKEN: usize = 20;
    const KNOWN: usize = 33;
    let tier = ready(&fixture).await;
    let keyed = |key: usize| {
        let mut message = message(Some(&format!("k{}", key % 3)), Priority::Bulk);
        message.idempotency_key = Some(key.to_string());
        message
    };
    commit(&tier, publication(&[keyed(KNOWN)])).await.unwrap();
    let ids: Vec<Uuid> = (0..COUNT).map(|_| Uuid::now_v7()).collect();
    commit(&tier, insert(ids[TAKEN], "taken", 0)).await.unwrap();
    let messages: Vec<_> = (0..COUNT).map(keyed).collect();
    let pairs = ids.iter().zip(&messages);
    let batch = pairs.map(|(id, message)| Commit {
        messages: publication(std::slice::from_ref(message)).messages,
        ..insert(*id, "batch", 1)
    });
    let results = tier.store.commit(Lane::Backfill, batch.collect()).await;
    let mut positions = Vec::new();
    for (nth, result) in results.iter().enumerate() {
        match result {
            Ok(Committed::Done {
                position: Some(position),
                ..
            }) => positions.push(*position),
            Ok(Committed::Duplicate { .. }) => assert_eq!(nth, KNOWN),
            Err(Refused::Exists { .. } | Refused::Conflict { .. }) => assert_eq!(nth, TAKEN),
            other => panic!("{nth}: {other:?}"),
        }
    }
    let written: Vec<_> = (0..COUNT)
        .filter(|nth| ![TAKEN, KNOWN].contains(nth))
        .collect();
    assert_eq!(positions.len(), written.len());
    let mut feed = claim(&tier, "Handler").await;
    let deliveries = feed.take(Lane::Backfill, 1 + written.len()).await;
    let expected: Vec<_> = written.iter().map(|nth| messages[*nth].id).collect();
    assert_eq!(item::ids(&deliveries[1..]), expected);
    let found: Vec<_> = deliveries[1..].iter().map(|one| one.position).collect();
    assert_eq!(found, positions);
    assert_eq!(load(&tier, ids[KNOWN]).await, None);
    assert_eq!(
        load(&tier, ids[0]).await.unwrap().row,
        row(ids[0], "batch", 1)
    );
}

/// What was computed from something that did not happen must not happen either.
pub async fn what_depends_on_a_refused_commit_is_refused(fixture: impl Fixture) {
    let tier = ready(&fixture).await;
    let [taken, dependent, free] = [Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7()];
    commit(&tier, insert(taken, "taken", 0)).await.unwrap();
    let batch = vec![
        insert(taken, "again", 0),
        Commit {
            dependent: true,
            ..insert(dependent, "dependent", 0)
        },
        insert(free, "free", 0),
    ];
    let results = tier.store.commit(Lane::Primary, batch).await;
    assert!(matches!(results[1], Err(Refused::Dependent)), "{results:?}");
    assert!(results[2].is_ok(), "{results:?}");
    assert_eq!(load(&tier, dependent).await, None);
}

/// Equality, order and pages work together, and the total counts all pages.
pub async fn a_query_narrows_orders_and_pages(fixture: impl Fixture) {
    let tier = ready(&fixture).await;
    let rows =
        (0..10).map(|count| insert(Uuid::now_v7(), if count < 7 { "a" } else { "b" }, count % 4));
    for result in tier.store.commit(Lane::Primary, rows.collect()).await {
        result.unwrap();
    }
    let query = Query {
        equals: vec![("name".to_owned(), Value::Text("a".to_owned()))],
        order_by: vec![("count".to_owned(), Direction::Descending)],
        limit: Some(3),
        offset: 1,
    };
    let page = tier
        .store
        .select(Lane::Primary, &ITEM, &query)
        .await
        .unwrap();
    let counts: Vec<_> = page
        .rows
        .iter()
        .map(|stored| stored.row[2].clone())
        .collect();
    assert_eq!(page.total, 7);
    assert_eq!(counts, [2, 2, 1].map(Value::Integer));
    let nothing = Query {
        equals: vec![("weight".to_owned(), Value::Null)],
        ..Query::default()
    };
    let page = tier
        .store
        .select(Lane::Backfill, &ITEM, &nothing)
        .await
        .unwrap();
    assert_eq!((page.rows.len(), page.total), (0, 0));
}

/// The error names the columns there are.
pub async fn a_query_for_an_unknown_column_is_told(fixture: impl Fixture) {
    let tier = ready(&fixture).await;
    let query = Query {
        order_by: vec![("id; DROP TABLE item".to_owned(), Direction::Ascending)],
        ..Query::default()
    };
    let error = tier
        .store
        .select(Lane::Primary, &ITEM, &query)
        .await
        .unwrap_err();
    assert!(
        matches!(error, port::Error::UnknownColumn { .. }),
        "{error}"
    );
    assert!(error.to_string().contains("price"), "{error}");
}

/// The first command with a key is accepted; the others are told of it.
pub async fn an_idempotency_key_counts_once_per_type(fixture: impl Fixture) {
    let tier = ready(&fixture).await;
    let keyed = |type_name: &str| {
        let mut message = message(None, Priority::Bulk);
        message.idempotency_key = Some("k-1".to_owned());
        message.type_name = type_name.into();
        message
    };
    let first = keyed("Suite.Change.v1");
    let accepted = commit(&tier, publication(std::slice::from_ref(&first))).await;
    let Ok(Committed::Done {
        position: Some(position),
        ..
    }) = accepted
    else {
        panic!("expected a position, found {accepted:?}");
    };
    let other = fixture.open().await;
    let again = commit(&other, publication(&[keyed("Suite.Change.v1")]))
        .await
        .unwrap();
    let id = first.id;
    assert_eq!(again, Committed::Duplicate { id, position });
    let of_another_type = commit(&tier, publication(&[keyed("Suite.Other.v1")]))
        .await
        .unwrap();
    assert!(matches!(
        of_another_type,
        Committed::Done {
            position: Some(_),
            ..
        }
    ));
    let batch = vec![
        publication(&[keyed("Suite.Third.v1")]),
        publication(&[keyed("Suite.Third.v1")]),
    ];
    let results = tier.store.commit(Lane::Backfill, batch).await;
    assert!(
        matches!(results[0], Ok(Committed::Done { .. })),
        "{results:?}"
    );
    assert!(
        matches!(results[1], Ok(Committed::Duplicate { .. })),
        "{results:?}"
    );
}
