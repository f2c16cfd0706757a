"""All SQL of the candidates: liked answers, and what speaks against them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select, text, tuple_
from sqlalchemy.dialects.postgresql import insert

from proposer.candidates import MOST, WINDOW
from proposer.model import Candidate, Objection, PromptKey, PromptState
from proposer.store.rows import place
from proposer.tables import candidates
from ratchet.prompt import example_digest
from shared.messaging.store import Tx

KEPT = 500
"""Candidates kept for each prompt, by rank and again by age: enough to refill a set of five for long."""

_PER_USER = 20

STANDING = """
    FROM proposer.candidates c
    LEFT JOIN proposer.objections o USING (project, environment, execution_id)
    WHERE c.project = :project AND c.environment = :environment AND c.occurred_at >= :since
      AND (o.feedback_id IS NULL OR o.feedback_id = c.feedback_id OR o.received_at < c.received_at)
      AND NOT EXISTS (
        SELECT FROM proposer.revoked_examples r
        WHERE (r.project, r.environment, r.name, r.example_digest)
            = (c.project, c.environment, c.name, c.example_digest))"""

_LOAD = text(
    f"""SELECT c.* {STANDING} AND c.name = :name
        AND c.feedback_id IN (
          SELECT feedback_id FROM (
            SELECT c.feedback_id, c.score, c.occurred_at, row_number() OVER (
              PARTITION BY coalesce(c."user", c.feedback_id::text)
              ORDER BY c.score DESC, c.occurred_at, c.feedback_id) AS nth
            {STANDING} AND c.name = :name) AS ranked
          WHERE nth <= :per_user ORDER BY score DESC, occurred_at, feedback_id LIMIT :limit)"""
)

_OBJECT = text(
    """INSERT INTO proposer.objections AS o (project, environment, execution_id, feedback_id, received_at)
       SELECT * FROM unnest(CAST(:projects AS text[]), CAST(:environments AS text[]), CAST(:executions AS text[]),
                            CAST(:feedbacks AS uuid[]), CAST(:times AS timestamptz[]))
       ON CONFLICT (project, environment, execution_id) DO UPDATE
         SET feedback_id = EXCLUDED.feedback_id, received_at = EXCLUDED.received_at
         WHERE (o.received_at, o.feedback_id) < (EXCLUDED.received_at, EXCLUDED.feedback_id)"""
)

_TOUCHED = text(
    """SELECT DISTINCT c.project, c.environment, c.name
       FROM unnest(CAST(:projects AS text[]), CAST(:environments AS text[]), CAST(:executions AS text[]))
         AS o (project, environment, execution_id)
       JOIN proposer.candidates c USING (project, environment, execution_id)"""
)

_EXPIRE = text("""DELETE FROM proposer.candidates WHERE occurred_at < :since RETURNING project, environment, name""")
_FORGET_OBJECTIONS = text("DELETE FROM proposer.objections WHERE received_at < :since")

_TRIM = text(
    """DELETE FROM proposer.candidates c USING (
         SELECT project, environment, name, feedback_id,
           row_number() OVER (PARTITION BY project, environment, name
                              ORDER BY score DESC, occurred_at, feedback_id) AS by_rank,
           row_number() OVER (PARTITION BY project, environment, name ORDER BY occurred_at DESC) AS by_age
         FROM proposer.candidates) AS r
       WHERE (c.project, c.environment, c.name, c.feedback_id) = (r.project, r.environment, r.name, r.feedback_id)
         AND by_rank > :kept AND by_age > :kept"""
)

_OBJECTED = text(
    """SELECT EXISTS (
         SELECT 1 FROM proposer.candidates c
         JOIN proposer.objections o USING (project, environment, execution_id)
         JOIN proposer.prompts p USING (project, environment, name)
         WHERE c.project = :project AND c.environment = :environment AND c.name = :name
           AND c.example_digest = ANY(p.live_example_digests)
           AND o.feedback_id <> c.feedback_id AND o.received_at >= c.received_at)"""
)


async def save_candidates(tx: Tx, found: Sequence[Candidate]) -> None:
    """Keeps candidates; one that is there already stays as it is."""
    if found:
        await tx.conn.execute(insert(candidates).on_conflict_do_nothing(), [_row(c) for c in found])


async def save_objections(tx: Tx, objections: Sequence[Objection]) -> set[PromptKey]:
    """Keeps the objections (at most one for each execution) and tells the prompts whose candidates they concern."""
    if not objections:
        return set()
    places = {
        "projects": [o.project for o in objections],
        "environments": [o.environment for o in objections],
        "executions": [o.execution_id for o in objections],
    }
    more = {"feedbacks": [o.feedback_id for o in objections], "times": [o.received_at for o in objections]}
    await tx.conn.execute(_OBJECT, {**places, **more})
    return {PromptKey(*row) for row in await tx.conn.execute(_TOUCHED, places)}


async def load_pool(tx: Tx, key: PromptKey, now: datetime) -> list[Candidate]:
    """What may be chosen: within the window, not objected to since; the best of each user, best first."""
    values = {**place(key), "since": now - WINDOW, "per_user": _PER_USER, "limit": KEPT}
    return [candidate(row) for row in await tx.conn.execute(_LOAD, values)]


async def bars(tx: Tx, states: Sequence[PromptState]) -> dict[PromptKey, Candidate]:
    """The last member of each full example set: whoever is not better can't enter."""
    last = {state.key: state.chosen[-1] for state in states if len(state.chosen) == MOST}
    wanted = tuple_(candidates.c.project, candidates.c.environment, candidates.c.name, candidates.c.feedback_id).in_(
        [(key.project, key.environment, key.name, feedback_id) for key, feedback_id in last.items()]
    )
    found = await tx.conn.execute(select(candidates).where(wanted)) if last else ()
    return {member.key: member for member in map(candidate, found)}


async def live_objected(tx: Tx, key: PromptKey) -> bool:
    """Whether somebody has objected to an example that is served now."""
    return bool((await tx.conn.execute(_OBJECTED, place(key))).scalar())


async def expire(tx: Tx, now: datetime) -> set[PromptKey]:
    """Deletes what is past the window, and what is too much; tells whose candidates expired."""
    gone = {PromptKey(*row) for row in await tx.conn.execute(_EXPIRE, {"since": now - WINDOW})}
    await tx.conn.execute(_FORGET_OBJECTIONS, {"since": now - 2 * WINDOW})
    await tx.conn.execute(_TRIM, {"kept": KEPT})
    return gone


def candidate(row: Row[Any]) -> Candidate:
    """The value in a row of `candidates`."""
    r = row._mapping
    return Candidate(
        PromptKey(r["project"], r["environment"], r["name"]), r["target"], r["digest"], r["feedback_id"],
        r["execution_id"], r["score"], r["input"], r["output"], r["input_key"], r["user"], r["occurred_at"],
        r["received_at"],
    )  # fmt: skip


def _row(c: Candidate) -> dict[str, object]:
    return {
        **place(c.key),
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
        "occurred_at": c.occurred_at,
        "received_at": c.received_at,
    }
