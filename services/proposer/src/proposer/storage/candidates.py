"""All SQL of the candidates: liked answers, and what speaks against them.

A candidate is `barred` once somebody objects to its execution or takes its text back; it then stays, unseen, until it
is too old. The flag is kept in the row, so that choosing needs no join.
"""

from collections.abc import Container, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, select, text, tuple_

from proposer.domain.candidates import MOST, WINDOW
from proposer.domain.model import Candidate, Objection, PromptKey, PromptState
from proposer.storage.keys import key_columns, key_from_row
from proposer.storage.tables import candidates
from ratchet.prompt import example_digest
from shared.messaging.store import Tx

KEPT = 500
"""Candidates kept for each prompt, by rank and again by age: enough to refill a set of five for long."""

OBJECTIONS_KEPT = timedelta(days=3)
"""How late a liked answer may come after the objection to it: it waits for its execution for a day at most."""

TOP = 50
_PER_CONTRIBUTOR = 20
"""Candidates kept and looked at of one contributor (all of those without one count as one): inputs may repeat."""

_BEST_FIRST = "grant_eligible DESC, score DESC, received_at, feedback_id"
"""`Candidate.rank`, but for what is served now, which an index cannot know."""

_ADD = text(
    """INSERT INTO proposer.candidates
         (project, environment, name, feedback_id, execution_id, target, digest, example_digest, score, input, output,
          input_key, "user", contributor, grant_eligible, occurred_at, received_at, barred)
       SELECT c.*,
         EXISTS (SELECT FROM proposer.objections o
                 WHERE (o.project, o.environment, o.execution_id) = (c.project, c.environment, c.execution_id)
                   AND o.feedback_id <> c.feedback_id AND o.received_at >= c.received_at)
         OR EXISTS (SELECT FROM proposer.revoked_examples r
                    WHERE (r.project, r.environment, r.name, r.example_digest)
                        = (c.project, c.environment, c.name, c.example_digest))
       FROM unnest(
         CAST(:project AS text[]), CAST(:environment AS text[]), CAST(:name AS text[]), CAST(:feedback_id AS uuid[]),
         CAST(:execution_id AS text[]), CAST(:target AS text[]), CAST(:digest AS text[]),
         CAST(:example_digest AS text[]), CAST(:score AS float8[]), CAST(:input AS text[]), CAST(:output AS text[]),
         CAST(:input_key AS text[]), CAST(:user AS text[]), CAST(:contributor AS text[]),
         CAST(:grant_eligible AS boolean[]), CAST(:occurred_at AS timestamptz[]),
         CAST(:received_at AS timestamptz[]))
         AS c (project, environment, name, feedback_id, execution_id, target, digest, example_digest, score, input,
               output, input_key, "user", contributor, grant_eligible, occurred_at, received_at)
       ON CONFLICT DO NOTHING"""
)

_OBJECT = text(
    """INSERT INTO proposer.objections AS o (project, environment, execution_id, feedback_id, received_at)
       SELECT * FROM unnest(CAST(:project AS text[]), CAST(:environment AS text[]), CAST(:execution_id AS text[]),
                            CAST(:feedback_id AS uuid[]), CAST(:received_at AS timestamptz[]))
       ON CONFLICT (project, environment, execution_id) DO UPDATE
         SET feedback_id = EXCLUDED.feedback_id, received_at = EXCLUDED.received_at
         WHERE (o.received_at, o.feedback_id) < (EXCLUDED.received_at, EXCLUDED.feedback_id)"""
)

_OBJECTED = """UPDATE proposer.candidates c SET barred = true FROM {objections}
       WHERE (c.project, c.environment, c.execution_id) = (o.project, o.environment, o.execution_id)
         AND NOT c.barred AND c.feedback_id <> o.feedback_id AND c.received_at <= o.received_at
       RETURNING c.project, c.environment, c.name"""

_BAR = text(
    _OBJECTED.format(
        objections="""unnest(CAST(:project AS text[]), CAST(:environment AS text[]), CAST(:execution_id AS text[]),
                             CAST(:feedback_id AS uuid[]), CAST(:received_at AS timestamptz[]))
                        AS o (project, environment, execution_id, feedback_id, received_at)"""
    )
)

# What an objection missed: one that was committed at the same moment as its candidate, by another instance.
_BAR_MISSED = text(_OBJECTED.format(objections="proposer.objections o"))

_USABLE = """project = :project AND environment = :environment AND name = :name
           AND NOT barred AND received_at >= :since"""

_LOAD = text(
    f"""SELECT * FROM (
         SELECT *, row_number() OVER (PARTITION BY contributor ORDER BY {_BEST_FIRST}) AS nth
         FROM proposer.candidates WHERE {_USABLE}) AS ranked
       WHERE nth <= :per_contributor ORDER BY {_BEST_FIRST} LIMIT :limit"""
)

_TOP = text(f"SELECT * FROM proposer.candidates WHERE {_USABLE} ORDER BY {_BEST_FIRST} LIMIT :limit")

_SERVED = text(
    f"""SELECT * FROM proposer.candidates WHERE {_USABLE} AND example_digest = ANY(CAST(:served AS text[]))
       ORDER BY {_BEST_FIRST} LIMIT :limit"""
)

_LIVE_BARRED = text(
    """SELECT EXISTS (
         SELECT FROM proposer.candidates c JOIN proposer.prompts p USING (project, environment, name)
         WHERE c.project = :project AND c.environment = :environment AND c.name = :name
           AND c.barred AND c.example_digest = ANY(p.live_example_digests))"""
)

_EXPIRE = text("DELETE FROM proposer.candidates WHERE received_at < :since RETURNING project, environment, name")
_FORGET_OBJECTIONS = text("DELETE FROM proposer.objections WHERE received_at < :since")

_TRIM = text(
    f"""DELETE FROM proposer.candidates c USING (
         SELECT project, environment, name, feedback_id,
           row_number() OVER (PARTITION BY project, environment, name, contributor ORDER BY {_BEST_FIRST}) AS nth,
           row_number() OVER (PARTITION BY project, environment, name ORDER BY {_BEST_FIRST}) AS by_rank,
           row_number() OVER (PARTITION BY project, environment, name ORDER BY received_at DESC) AS by_age
         FROM proposer.candidates WHERE NOT barred) AS r
       WHERE (c.project, c.environment, c.name, c.feedback_id) = (r.project, r.environment, r.name, r.feedback_id)
         AND (nth > :per_contributor OR by_rank > :kept AND by_age > :kept)"""
)


async def save_candidates(tx: Tx, found: Sequence[Candidate]) -> None:
    """Keeps candidates; one that is there already stays as it is, one that is spoken against is barred at once."""
    if found:
        rows = [_row(c) for c in found]
        await tx.conn.execute(_ADD, {column: [row[column] for row in rows] for column in rows[0]})


async def save_objections(tx: Tx, objections: Sequence[Objection]) -> set[PromptKey]:
    """Keeps the objections (at most one for each execution) and tells the prompts that lost a candidate by them."""
    if not objections:
        return set()
    fields = ("project", "environment", "execution_id", "feedback_id", "received_at")
    columns = {field: [getattr(objection, field) for objection in objections] for field in fields}
    await tx.conn.execute(_OBJECT, columns)
    return {PromptKey(*row) for row in await tx.conn.execute(_BAR, columns)}


async def load_top(tx: Tx, state: PromptState, now: datetime) -> list[Candidate]:
    """The `TOP` best that may be chosen: within the window and not barred, best first. Straight from the index."""
    values = {**key_columns(state.key), "since": now - WINDOW, "limit": TOP}
    return [candidate(row, state.live_example_digests) for row in await tx.conn.execute(_TOP, values)]


async def load_served(tx: Tx, state: PromptState, now: datetime) -> list[Candidate]:
    """Those that may be chosen and are served now, at most `TOP`."""
    if not state.live_example_digests:
        return []
    values = {**key_columns(state.key), "since": now - WINDOW, "served": list(state.live_example_digests), "limit": TOP}
    return [candidate(row, state.live_example_digests) for row in await tx.conn.execute(_SERVED, values)]


async def load_pool(tx: Tx, state: PromptState, now: datetime) -> list[Candidate]:
    """As `load_top` up to `KEPT`, but only each contributor's best: no crowd of one user hides the others."""
    values = {**key_columns(state.key), "since": now - WINDOW, "per_contributor": _PER_CONTRIBUTOR, "limit": KEPT}
    return [candidate(row, state.live_example_digests) for row in await tx.conn.execute(_LOAD, values)]


async def lowest_ranked(tx: Tx, states: Sequence[PromptState]) -> dict[PromptKey, Candidate]:
    """The last member of each full example set: whoever is not better can't enter."""
    known = {state.key: state for state in states}
    last = {state.key: state.chosen[-1] for state in states if len(state.chosen) == MOST}
    wanted = tuple_(candidates.c.project, candidates.c.environment, candidates.c.name, candidates.c.feedback_id).in_(
        [(key.project, key.environment, key.name, feedback_id) for key, feedback_id in last.items()]
    )
    found = await tx.conn.execute(select(candidates).where(wanted)) if last else ()
    return {key_from_row(row): candidate(row, known[key_from_row(row)].live_example_digests) for row in found}


async def has_live_objection(tx: Tx, key: PromptKey) -> bool:
    """Whether somebody has objected to an example that is served now."""
    return bool((await tx.conn.execute(_LIVE_BARRED, key_columns(key))).scalar())


async def expire_candidates(tx: Tx, now: datetime) -> set[PromptKey]:
    """Deletes what is past the window, and what is too much; tells the prompts that lost a candidate."""
    gone = {PromptKey(*row) for row in await tx.conn.execute(_EXPIRE, {"since": now - WINDOW})}
    missed = {PromptKey(*row) for row in await tx.conn.execute(_BAR_MISSED)}
    await tx.conn.execute(_FORGET_OBJECTIONS, {"since": now - OBJECTIONS_KEPT})
    await tx.conn.execute(_TRIM, {"kept": KEPT, "per_contributor": _PER_CONTRIBUTOR})
    return gone | missed


def candidate(row: Row[Any], served: Container[str] = ()) -> Candidate:
    """The value in a row of `candidates`, where the examples with the digests `served` are live."""
    r = row._mapping
    return Candidate(
        PromptKey(r["project"], r["environment"], r["name"]), r["target"], r["digest"], r["feedback_id"],
        r["execution_id"], r["score"], r["input"], r["output"], r["input_key"], r["user"],
        r["contributor"], r["grant_eligible"], r["occurred_at"], r["received_at"],
        r["example_digest"] in served,
    )  # fmt: skip


def _row(c: Candidate) -> dict[str, object]:
    return {
        **key_columns(c.key),
        "feedback_id": c.feedback_id,
        "execution_id": c.execution_id,
        "target": c.target,
        "digest": c.digest,
        "example_digest": example_digest({"input": c.input, "output": c.output}),
        "score": c.score,
        "input": c.input,
        "output": c.output,
        "input_key": c.input_key,
        "user": c.user,
        "contributor": c.contributor,
        "grant_eligible": c.grant_eligible,
        "occurred_at": c.occurred_at,
        "received_at": c.received_at,
    }
