"""SQL of the collector. Array parameters are parallel and sorted; times are those of the collector's clock."""

from collector.domain.execution_keys import HALF
from shared.messaging.sql_outbox import insert_statement

# Keys are packed into one value, 16 bytes each: encoding arrays is the most expensive work of the driver.
SAVE_CLAIMS = """
INSERT INTO collector.receipts (key, body)
SELECT substring($1::bytea FROM n * 32 + 1 FOR 16), substring($1::bytea FROM n * 32 + 17 FOR 16)
FROM generate_series(0, length($1::bytea) / 32 - 1) AS n
ON CONFLICT DO NOTHING RETURNING key"""

LIST_CLAIMS = "SELECT key, body FROM collector.receipts WHERE key = ANY($1::bytea[])"

LIST_ERASED = "SELECT key FROM collector.erased_subjects WHERE key = ANY($1::text[])"

DELETE_CLAIMS = "DELETE FROM collector.receipts WHERE key = ANY($1::bytea[])"

SAVE_EXECUTIONS = """
INSERT INTO collector.executions
    (reference, trace, session, version, project, environment, target, facts, recorded_values, received_at)
SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::bytea[], $4::bytea[], $5::text[], $6::text[], $7::text[],
                     $8::bytea[], $9::bytea[], $10::timestamptz[])
ON CONFLICT DO NOTHING"""

LOCK_EXECUTION = """
SELECT target, facts, recorded_values, revision FROM collector.executions WHERE reference = $1 FOR UPDATE"""

UPDATE_EXECUTION = """
UPDATE collector.executions
SET facts = $2, recorded_values = $3, revision = $4, session = COALESCE(session, $5) WHERE reference = $1"""

MAX_ROOTS = 200
"""Root executions of a trace or a session that are compared; with more it counts as mixed."""


def first_root(column: str, key: str) -> str:
    """Return SQL for the root execution with `key` in `column` that was received first: target, facts, version, mixed.

    It is mixed if another root has the same target and prompt names (the first half of a version), but not its version.
    """
    roots = f"SELECT version FROM collector.executions WHERE {column} = {key} LIMIT {MAX_ROOTS + 1}"
    other = f"substring(roots.version FOR {HALF}) = substring(f.version FOR {HALF}) AND roots.version <> f.version"
    return f"""SELECT f.target, f.facts, f.version,
        (SELECT count(*) > {MAX_ROOTS} OR COALESCE(bool_or({other}), false) FROM ({roots}) AS roots) AS mixed
    FROM (SELECT target, facts, version FROM collector.executions
          WHERE {column} = {key} ORDER BY received_at, reference LIMIT 1) AS f"""


_FACTS = f"""LATERAL (
    SELECT target, facts, version, false AS mixed FROM collector.executions WHERE reference = {{about}}
    UNION ALL {first_root("trace", "{about}")}
    UNION ALL {first_root("session", "{about}")}
    LIMIT 1) AS e"""

# `old` is the row before this statement (PostgreSQL 18).
REPLACE_CURRENT_FEEDBACK = f"""
WITH given AS (
    SELECT substring($1::bytea FROM n::int * 48 - 47 FOR 16) AS slot,
           substring($1::bytea FROM n::int * 48 - 31 FOR 16) AS reference,
           substring($1::bytea FROM n::int * 48 - 15 FOR 16) AS feedback_id, value, label
    FROM unnest($2::float8[], $3::text[]) WITH ORDINALITY AS g(value, label, n)),
put AS (
    INSERT INTO collector.current_feedback AS o (slot, feedback_id, value, label, updated_at)
    SELECT slot, feedback_id, value, label, $4 FROM given
    ON CONFLICT (slot) DO UPDATE SET feedback_id = excluded.feedback_id, value = excluded.value,
        label = excluded.label, updated_at = excluded.updated_at
    RETURNING o.slot, old.feedback_id, old.value, old.label)
SELECT put.slot, put.feedback_id, put.value, put.label, e.target, e.facts, e.mixed
FROM put JOIN given USING (slot) LEFT JOIN {_FACTS.format(about="given.reference")} ON true"""

SAVE_WAITING_FEEDBACK = """
INSERT INTO collector.waiting (event_id, reference, project, environment, payload, received_at, traceparent)
SELECT * FROM unnest($1::uuid[], $2::bytea[], $3::text[], $4::text[], $5::bytea[], $6::timestamptz[], $7::text[])"""

POP_WAITING_FEEDBACK = """
DELETE FROM collector.waiting WHERE reference = ANY($1::bytea[])
RETURNING id, event_id, reference, project, environment, payload, received_at, traceparent"""

# Pairs of concurrent transactions: neither the feedback's nor the execution's saw the other's row.
LIST_JOINABLE_FEEDBACK = f"""
SELECT w.id, w.event_id, w.reference, w.project, w.environment, w.payload, w.received_at, w.traceparent,
       e.target, e.facts, e.mixed
FROM collector.waiting AS w JOIN {_FACTS.format(about="w.reference")} ON true
WHERE w.received_at >= $1 ORDER BY w.id LIMIT $2 FOR UPDATE OF w SKIP LOCKED"""

LIST_OVERDUE_FEEDBACK = """
SELECT id, event_id, reference, project, environment, payload, received_at, traceparent
FROM collector.waiting WHERE received_at < $1 ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED"""

LOCK_CURRENT_FEEDBACK = "SELECT FROM collector.current_feedback WHERE slot = ANY($1::bytea[]) ORDER BY slot FOR UPDATE"

LIST_FACTS = f"""
SELECT given.reference, e.target, e.facts, e.mixed
FROM unnest($1::bytea[]) AS given(reference) JOIN {_FACTS.format(about="given.reference")} ON true"""

RETRACT_CURRENT_FEEDBACK = """
UPDATE collector.current_feedback AS o SET value = NULL, label = NULL
FROM unnest($1::bytea[], $2::bytea[]) AS gone(slot, feedback_id)
WHERE (o.slot, o.feedback_id) = (gone.slot, gone.feedback_id)"""

# Waiting feedback that replaces them. NOWAIT: who has locked such a row may be waiting for one of our locks.
RETRACT_REPLACED_FEEDBACK = """
WITH next AS (
    SELECT id, convert_from(payload, 'UTF8')::jsonb AS created FROM collector.waiting
    WHERE reference = ANY($1::bytea[])
      AND convert_from(payload, 'UTF8')::jsonb #>> '{replaces,feedback_id}' = ANY($2::text[])
    FOR UPDATE NOWAIT)
UPDATE collector.waiting AS w
SET payload = convert_to((next.created #- '{replaces,value}' #- '{replaces,label}')::text, 'UTF8')
FROM next WHERE w.id = next.id"""

DELETE_WAITING_FEEDBACK = "DELETE FROM collector.waiting WHERE id = ANY($1::bigint[])"

SAVE_OBSERVED_PROMPTS = """
INSERT INTO collector.observed AS o (project, environment, name, digest, documented, first_seen)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bool[], $6::timestamptz[])
    AS g(project, environment, name, digest, documented, at)
WHERE NOT EXISTS (SELECT FROM collector.served AS s WHERE (s.project, s.environment, s.name, s.digest)
                  = (g.project, g.environment, g.name, g.digest))
  AND NOT EXISTS (SELECT FROM collector.observed AS k WHERE (k.project, k.environment, k.name, k.digest)
                  = (g.project, g.environment, g.name, g.digest) AND (k.documented OR NOT g.documented))
ON CONFLICT (project, environment, name, digest) DO UPDATE SET documented = true
    WHERE excluded.documented AND NOT o.documented
RETURNING project, environment, name, digest"""

ADD_EVER_SERVED_DIGESTS = """
INSERT INTO collector.served (project, environment, name, digest)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) ON CONFLICT DO NOTHING"""

EMIT = insert_statement("collector", ("$1", "$2", "$3", "$4", "$5"))

SAVE_PSEUDONYM_KEY = "INSERT INTO collector.user_keys (id, secret) VALUES ($1, $2) ON CONFLICT DO NOTHING"

GET_PSEUDONYM_KEY = "SELECT id, secret FROM collector.user_keys ORDER BY created_at DESC, id DESC LIMIT 1"

LIST_EXECUTIONS = (
    "SELECT reference, target, facts, received_at FROM collector.executions WHERE reference = ANY($1::bytea[])"
)

# The inner query uses the index on the hash; the outer one compares the names. In one WHERE clause, the planner would
# expect so few rows that it would sort them all.
LATEST_EXECUTION = """
SELECT target, facts, received_at FROM (
    SELECT project, environment, target, facts, received_at FROM collector.executions
    WHERE hashtextextended(project || '/' || environment || '/' || target, 0)
          = hashtextextended($1::text || '/' || $2::text || '/' || $3::text, 0)
    ORDER BY received_at DESC LIMIT 1) AS newest
WHERE (project, environment, target) = ($1::text, $2::text, $3::text)"""

DELETE_EXPIRED = {
    "receipts": "DELETE FROM collector.receipts WHERE received_at < LEAST(now(), $1) - $2::interval",
    "executions": "DELETE FROM collector.executions WHERE received_at < LEAST(now(), $1) - $2::interval",
    "current_feedback": "DELETE FROM collector.current_feedback WHERE updated_at < LEAST(now(), $1) - $2::interval",
}
"""Table → statement that deletes rows older than $2. A clock ($1) ahead of the database's deletes nothing early."""
