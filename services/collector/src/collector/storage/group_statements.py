"""SQL of a group without a transaction: one statement reads its snapshot, another writes all of it.

Each is put together from the parts that the group needs; asyncpg prepares every combination once. In the parts, `{0}`,
`{1}`, … are a part's own parameters. Keys are packed into one value, 16 bytes each.
"""

from collections.abc import Sequence
from functools import lru_cache

from collector.storage.queries import first_root
from shared.messaging.sql_outbox import insert_statement


def _keys(parameter: str) -> str:
    """Return SQL for the array of the keys that are packed into a parameter."""
    count = f"length({parameter}::bytea) / 16"
    return f"ARRAY(SELECT substring({parameter} FROM n * 16 + 1 FOR 16) FROM generate_series(0, {count} - 1) AS n)"


def _first_roots(column: str) -> str:
    """Return SQL for the root execution of each trace or session that was received first, with its version.

    The number is 1 where others have other versions.
    """
    return f"""SELECT 3, t.key, e.version, e.mixed::int::float8, e.target, e.facts
        FROM unnest({_keys("{0}")}) AS t(key) CROSS JOIN LATERAL ({first_root(column, "t.key")}) AS e"""


# Columns: part, key, second key, number, text, text or JSON. Every key is looked up by an index, also where the tables
# were empty when the statement was planned.
READ_PARTS = {
    "claims": f"""SELECT 1, key, body, NULL::float8, NULL::text, NULL::bytea
        FROM collector.receipts WHERE key = ANY({_keys("{0}")})""",
    "current": f"""SELECT 2, slot, feedback_id, value, label, NULL
        FROM collector.current_feedback WHERE slot = ANY({_keys("{0}")})""",
    "executions": f"""SELECT 3, reference, NULL, NULL, target, facts
        FROM collector.executions WHERE reference = ANY({_keys("{0}")})""",
    "traces": _first_roots("trace"),
    "sessions": _first_roots("session"),
    "prompts": """SELECT 4, NULL, NULL, NULL, NULL, NULL
        FROM unnest({0}::text[], {1}::text[], {2}::text[], {3}::text[], {4}::bool[])
            AS g(project, environment, name, digest, documented)
        WHERE NOT EXISTS (SELECT FROM collector.served AS s WHERE (s.project, s.environment, s.name, s.digest)
                          = (g.project, g.environment, g.name, g.digest))
          AND NOT EXISTS (SELECT FROM collector.observed AS k WHERE (k.project, k.environment, k.name, k.digest)
                          = (g.project, g.environment, g.name, g.digest) AND (k.documented OR NOT g.documented))""",
}  # fmt: skip

LIST_WAITING_FEEDBACK = f"""
SELECT id, event_id, reference, project, environment, payload, received_at, traceparent
FROM collector.waiting WHERE reference = ANY({_keys("$1")}) ORDER BY id"""

WRITE_PARTS = {
    "claims": """INSERT INTO collector.receipts (key, body)
        SELECT substring({0}::bytea FROM n * 32 + 1 FOR 16), substring({0}::bytea FROM n * 32 + 17 FOR 16)
        FROM generate_series(0, length({0}::bytea) / 32 - 1) AS n""",
    "executions": """INSERT INTO collector.executions
            (reference, trace, session, version, project, environment, target, facts, recorded_values, received_at)
        SELECT * FROM unnest({0}::bytea[], {1}::bytea[], {2}::bytea[], {3}::bytea[], {4}::text[], {5}::text[],
                             {6}::text[], {7}::bytea[], {8}::bytea[], {9}::timestamptz[])
        ON CONFLICT DO NOTHING""",
    "first_feedback": """INSERT INTO collector.current_feedback (slot, feedback_id, value, label, updated_at)
        SELECT substring({0}::bytea FROM n * 32 - 31 FOR 16), substring({0}::bytea FROM n * 32 - 15 FOR 16),
               value, label, {3}::timestamptz
        FROM ROWS FROM (generate_series(1, length({0}::bytea) / 32), unnest({1}::float8[]), unnest({2}::text[]))
            AS g(n, value, label)""",
    "replacements": """UPDATE collector.current_feedback AS o
        SET feedback_id = g.feedback_id, value = g.value, label = g.label, updated_at = {7}::timestamptz
        FROM unnest({0}::bytea[], {1}::bytea[], {2}::float8[], {3}::text[], {4}::bytea[], {5}::float8[], {6}::text[])
            AS g(slot, feedback_id, value, label, previous_id, previous_value, previous_label)
        WHERE o.slot = g.slot AND o.feedback_id = g.previous_id
          AND o.value IS NOT DISTINCT FROM g.previous_value AND o.label IS NOT DISTINCT FROM g.previous_label
        RETURNING 1""",
    "waiting": """INSERT INTO collector.waiting
            (event_id, reference, project, environment, payload, received_at, traceparent)
        SELECT * FROM unnest({0}::uuid[], {1}::bytea[], {2}::text[], {3}::text[], {4}::bytea[], {5}::timestamptz[],
                             {6}::text[])""",
    "joined": "DELETE FROM collector.waiting WHERE id = ANY({0}::bigint[]) RETURNING 1",
    # Read in the statement that writes, so that a tombstone that is added meanwhile waits for it.
    "erased": "SELECT key FROM collector.erased_subjects WHERE key = ANY(string_to_array({0}::text, chr(31)))",
    "outbox": insert_statement("collector", tuple(f"{{{number}}}" for number in range(5))),
}
_COUNTED = ("replacements", "joined", "erased")
"""Parts that must have as many rows as the group says; none are erased. 1 / 0 fails the statement if one does not."""


@lru_cache(maxsize=128)
def read_statement(parts: Sequence[tuple[str, int]]) -> str:
    """Return the statement of these parts, given as (name, number of parameters)."""
    return " UNION ALL ".join(sql for _, sql, _ in _numbered(READ_PARTS, parts))


@lru_cache(maxsize=128)
def write_statement(parts: Sequence[tuple[str, int]]) -> str:
    """Return the statement of these parts; a counted part has its number of rows as a further, last parameter."""
    numbered = _numbered(WRITE_PARTS, parts)
    # PostgreSQL runs parts that the query does not read after it, the last one first: claims are to be the first.
    written = ", ".join(f"{name} AS ({sql})" for name, sql, _ in reversed(numbered))
    checks = [f"(SELECT count(*) FROM {name}) = ${last}" for name, _, last in numbered if name in _COUNTED]
    return f"WITH {written} SELECT" + (f" 1 / ({' AND '.join(checks)})::int" if checks else "")


def _numbered(texts: dict[str, str], parts: Sequence[tuple[str, int]]) -> list[tuple[str, str, int]]:
    """Return name, SQL with numbered parameters, and number of the last parameter, of each part."""
    found, first = [], 1
    for name, count in parts:
        found.append((name, texts[name].format(*(f"${first + at}" for at in range(count))), first + count - 1))
        first += count
    return found
