"""SQL of candidates and of the objections to them.

A candidate is excluded (`is_excluded`) once its execution has an objection or its example is revoked. It is kept,
hidden, until it expires. The flag is a column so that selecting examples needs no join.
"""

from collections.abc import Container, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, TextClause, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from proposer.domain.example_selection import CANDIDATE_WINDOW, MAX_EXAMPLES
from proposer.domain.model import Candidate, Objection, PromptKey, PromptState
from proposer.storage.tables import candidates, key_columns, key_from_row
from ratchet.prompt import example_digest

KEPT = 500
"""Candidates kept for each prompt: this many by rank, and as many by age, to refill a set of five from."""

OBJECTIONS_KEPT = timedelta(days=3)
"""How long an objection is kept, to exclude candidates that arrive after it. Feedback waits at most a day."""

TOP = 50
"""Candidates that are read first; the whole pool is read only if these fill no set."""

_PER_CONTRIBUTOR = 20
"""Candidates kept and considered of one contributor; those without a contributor count as one. Inputs may repeat."""

_BEST_FIRST = "grant_eligible DESC, score DESC, received_at, feedback_id"
"""`Candidate.rank` without `live`, which an index cannot know."""

_INSERT = text(
    """INSERT INTO proposer.candidates
         (project, environment, name, feedback_id, execution_id, target, digest, example_digest, score, input, output,
          input_key, "user", contributor, grant_eligible, occurred_at, received_at, is_excluded)
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

_SAVE_OBJECTIONS = text(
    """INSERT INTO proposer.objections AS o (project, environment, execution_id, feedback_id, received_at)
       SELECT * FROM unnest(CAST(:project AS text[]), CAST(:environment AS text[]), CAST(:execution_id AS text[]),
                            CAST(:feedback_id AS uuid[]), CAST(:received_at AS timestamptz[]))
       ON CONFLICT (project, environment, execution_id) DO UPDATE
         SET feedback_id = EXCLUDED.feedback_id, received_at = EXCLUDED.received_at
         WHERE (o.received_at, o.feedback_id) < (EXCLUDED.received_at, EXCLUDED.feedback_id)"""
)

_EXCLUDE = """UPDATE proposer.candidates c SET is_excluded = true FROM {objections}
       WHERE (c.project, c.environment, c.execution_id) = (o.project, o.environment, o.execution_id)
         AND NOT c.is_excluded AND c.feedback_id <> o.feedback_id AND c.received_at <= o.received_at
       RETURNING c.project, c.environment, c.name"""

_EXCLUDE_OBJECTED = text(
    _EXCLUDE.format(
        objections="""unnest(CAST(:project AS text[]), CAST(:environment AS text[]), CAST(:execution_id AS text[]),
                             CAST(:feedback_id AS uuid[]), CAST(:received_at AS timestamptz[]))
                        AS o (project, environment, execution_id, feedback_id, received_at)"""
    )
)

# Candidates and objections that two instances committed at the same moment.
_EXCLUDE_MISSED = text(_EXCLUDE.format(objections="proposer.objections o"))

_USABLE = """project = :project AND environment = :environment AND name = :name
           AND NOT is_excluded AND received_at >= :since"""

_POOL = text(
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

_LIVE_OBJECTION = text(
    """SELECT EXISTS (
         SELECT FROM proposer.candidates c JOIN proposer.prompts p USING (project, environment, name)
         WHERE c.project = :project AND c.environment = :environment AND c.name = :name
           AND c.is_excluded AND c.example_digest = ANY(p.live_example_digests))"""
)

_EXPIRE = text("DELETE FROM proposer.candidates WHERE received_at < :since RETURNING project, environment, name")
_EXPIRE_OBJECTIONS = text("DELETE FROM proposer.objections WHERE received_at < :since")

_TRIM = text(
    f"""DELETE FROM proposer.candidates c USING (
         SELECT project, environment, name, feedback_id,
           row_number() OVER (PARTITION BY project, environment, name, contributor ORDER BY {_BEST_FIRST}) AS nth,
           row_number() OVER (PARTITION BY project, environment, name ORDER BY {_BEST_FIRST}) AS by_rank,
           row_number() OVER (PARTITION BY project, environment, name ORDER BY received_at DESC) AS by_age
         FROM proposer.candidates WHERE NOT is_excluded) AS r
       WHERE (c.project, c.environment, c.name, c.feedback_id) = (r.project, r.environment, r.name, r.feedback_id)
         AND (nth > :per_contributor OR by_rank > :kept AND by_age > :kept)"""
)


class CandidateRepository:
    """Candidates and objections in the transaction of `conn`."""

    def __init__(self, conn: AsyncConnection) -> None:
        self._conn = conn

    async def save_candidates(self, new: Sequence[Candidate]) -> None:
        """Save candidates; one that is saved already is left unchanged, one with an objection is excluded at once."""
        if new:
            rows = [_row(c) for c in new]
            await self._conn.execute(_INSERT, {column: [row[column] for row in rows] for column in rows[0]})

    async def save_objections(self, objections: Sequence[Objection]) -> set[PromptKey]:
        """Save objections (at most one per execution) and return the prompts that lost a candidate to them."""
        if not objections:
            return set()
        fields = ("project", "environment", "execution_id", "feedback_id", "received_at")
        columns = {field: [getattr(objection, field) for objection in objections] for field in fields}
        await self._conn.execute(_SAVE_OBJECTIONS, columns)
        return {PromptKey(*row) for row in await self._conn.execute(_EXCLUDE_OBJECTED, columns)}

    async def list_top(self, state: PromptState, now: datetime) -> list[Candidate]:
        """Return the `TOP` best candidates within the window that are not excluded, best first. Reads the index."""
        return await self._list(_TOP, state, now, limit=TOP)

    async def list_served(self, state: PromptState, now: datetime) -> list[Candidate]:
        """Return at most `TOP` candidates that are live examples, best first."""
        if not state.live_example_digests:
            return []
        return await self._list(_SERVED, state, now, served=list(state.live_example_digests), limit=TOP)

    async def list_pool(self, state: PromptState, now: datetime) -> list[Candidate]:
        """Return at most `KEPT` candidates, best first, and at most 20 of each contributor."""
        return await self._list(_POOL, state, now, per_contributor=_PER_CONTRIBUTOR, limit=KEPT)

    async def _list(self, statement: TextClause, state: PromptState, now: datetime, **values: Any) -> list[Candidate]:
        values |= {**key_columns(state.key), "since": now - CANDIDATE_WINDOW}
        found = await self._conn.execute(statement, values)
        return [candidate_from_row(row, state.live_example_digests) for row in found]

    async def get_lowest_ranked(self, states: Sequence[PromptState]) -> dict[PromptKey, Candidate]:
        """Return the last member of each full example set."""
        by_key = {state.key: state for state in states}
        last = {state.key: state.chosen[-1] for state in states if len(state.chosen) == MAX_EXAMPLES}
        c = candidates.c
        wanted = tuple_(c.project, c.environment, c.name, c.feedback_id).in_(
            [(key.project, key.environment, key.name, feedback_id) for key, feedback_id in last.items()]
        )
        rows = await self._conn.execute(select(candidates).where(wanted)) if last else ()
        found = [candidate_from_row(row, by_key[key_from_row(row)].live_example_digests) for row in rows]
        return {candidate.key: candidate for candidate in found}

    async def has_live_objection(self, key: PromptKey) -> bool:
        """Return whether a live example has an objection."""
        return bool((await self._conn.execute(_LIVE_OBJECTION, key_columns(key))).scalar())

    async def delete_expired(self, now: datetime) -> set[PromptKey]:
        """Delete candidates past the window or over the limits; return the prompts whose example set may change."""
        expired = {PromptKey(*row) for row in await self._conn.execute(_EXPIRE, {"since": now - CANDIDATE_WINDOW})}
        excluded = {PromptKey(*row) for row in await self._conn.execute(_EXCLUDE_MISSED)}
        await self._conn.execute(_EXPIRE_OBJECTIONS, {"since": now - OBJECTIONS_KEPT})
        await self._conn.execute(_TRIM, {"kept": KEPT, "per_contributor": _PER_CONTRIBUTOR})
        return expired | excluded


def candidate_from_row(row: Row[Any], live_examples: Container[str] = ()) -> Candidate:
    """Return the candidate in a row; it is live if its example digest is among `live_examples`."""
    r = row._mapping
    return Candidate(
        PromptKey(r["project"], r["environment"], r["name"]), r["target"], r["digest"], r["feedback_id"],
        r["execution_id"], r["score"], r["input"], r["output"], r["input_key"], r["user"],
        r["contributor"], r["grant_eligible"], r["occurred_at"], r["received_at"],
        r["example_digest"] in live_examples,
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
