//! The statements that put messages into the log.

/// Locks queues, in an order that everybody keeps: needed only for several of them.
pub(super) const LOCK_QUEUES: &str =
    "SELECT id FROM protean_queue WHERE id = ANY($1) ORDER BY id FOR UPDATE";

/// Moves the heads of queues behind the messages that follow. Only then are they known for good:
/// whoever publishes to the same queue waits for this transaction to end. Fails, by a division, when
/// one of them was not where it has to be, if that is given.
pub(super) const MOVE_QUEUES: &str = "WITH moved AS (
        UPDATE protean_queue AS q SET head = head + u.count
        FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS u(id, count, before)
        WHERE q.id = u.id RETURNING q.id, COALESCE(q.head - u.count = u.before, true) AS is_so
    ) SELECT id, 1 / is_so::integer FROM moved";

/// The same for one message in one queue.
pub(super) const MOVE_QUEUE: &str = "UPDATE protean_queue SET head = head + 1 WHERE id = $1
    RETURNING id, 1 / COALESCE(head - 1 = $2, true)::integer";

/// Says which number the last message of a key in a queue has.
///
/// Both columns are compared at once, and ordered by, so that only one index will do, whatever is
/// known of the table when the statement is planned: of a small one, by what is equal alone, it could
/// be that of the queue, and each message would read the whole queue from then on.
macro_rules! last_of_key {
    ($key:literal, $queue:literal) => {
        concat!(
            "(SELECT p.sequence FROM protean_message AS p
                WHERE p.key IS NOT NULL AND (p.key, p.queue) <= (",
            $key,
            ", ",
            $queue,
            ") AND (p.key, p.queue) >= (",
            $key,
            ", ",
            $queue,
            ")
                ORDER BY p.key DESC, p.queue DESC, p.sequence DESC LIMIT 1)"
        )
    };
}

/// Writes messages up to the heads of their queues, which have been moved, in the order in which they
/// are given; says which position each has.
macro_rules! insert {
    () => {
        concat!(
            "INSERT INTO protean_message (queue, sequence, previous, id, event, type, key, priority,
            time, correlation_id, causation_id, sequence_id, idempotency_key, traceparent, data,
            rest)
        SELECT u.queue, q.head + u.nth,
            CASE WHEN u.key IS NULL THEN NULL
                 WHEN u.previous IS NOT NULL THEN q.head + u.previous
                 ELSE ",
            last_of_key!("u.key", "u.queue"),
            " END,
            u.id, u.event, u.type, u.key, u.priority, u.time, u.correlation_id, u.causation_id,
            u.sequence_id, u.idempotency_key, u.traceparent, u.data, u.rest
        FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::uuid[], $5::boolean[],
            $6::text[], $7::text[], $8::integer[], $9::timestamptz[], $10::text[], $11::uuid[],
            $12::text[], $13::text[], $14::text[], $15::text[], $16::text[]) WITH ORDINALITY
            AS u(queue, nth, previous, id, event, type, key, priority, time, correlation_id,
            causation_id, sequence_id, idempotency_key, traceparent, data, rest, number)
        JOIN protean_queue AS q ON q.id = u.queue ORDER BY u.number
        RETURNING id, position"
        )
    };
}

/// Writes messages.
pub(super) const INSERT: &str = insert!();

/// Writes messages, and remembers their idempotency keys; says how many of those were not there
/// before, too.
///
/// Positions are given in the order of the messages, so that theirs and the keys, which are as many,
/// are put side by side: a join of the two would compare each with each, since no index is there
/// to go by.
pub(super) const INSERT_WITH_KEYS: &str = concat!(
    "WITH written AS (",
    insert!(),
    "), admitted AS (
        INSERT INTO protean_idempotency (key, position, id)
        SELECT k.key, k.position, k.id
        FROM unnest($17::bytea[], (SELECT array_agg(position ORDER BY position) FROM written),
            $4::uuid[]) AS k(key, position, id)
        WHERE k.key IS NOT NULL ORDER BY k.key ON CONFLICT DO NOTHING RETURNING id
    )
    SELECT w.id, w.position, (SELECT count(*) FROM admitted) FROM written AS w"
);

/// Writes one message, without an idempotency key, under a number of a queue `q`.
macro_rules! insert_one {
    ($number:literal, $queue:literal) => {
        concat!(
            "INSERT INTO protean_message (queue, sequence, previous, id, event, type, key, priority,
                time, correlation_id, causation_id, sequence_id, traceparent, data, rest)
            SELECT q.id, ",
            $number,
            ", ",
            last_of_key!("$5::text", "$1::bigint"),
            ", $2::uuid, $3::boolean, $4::text, $5::text, $6::integer, $7::timestamptz, $8::text,
                $9::uuid, $10::text, $11::text, $12::text, $13::text
            FROM ",
            $queue,
            " RETURNING id, position, queue, sequence, previous"
        )
    };
}

/// Writes one message, without an idempotency key, at the head of its queue. The statement for many
/// takes PostgreSQL a third longer, most of it to begin.
pub(super) const INSERT_ONE: &str =
    insert_one!("q.head", "protean_queue AS q WHERE q.id = $1::bigint");

/// The same at the head of the queue that was moved by the same statement, as `moved`, which says
/// whether it was seen where it was.
pub(super) const INSERT_MOVED: &str = insert_one!("q.head * q.was_seen", "moved AS q");

/// The earlier commands under some idempotency keys.
pub(super) const KNOWN_KEYS: &str =
    "SELECT key, id, position FROM protean_idempotency WHERE key = ANY($1::bytea[])";
