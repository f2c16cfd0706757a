"""SQL of the pool that example sets are selected from: candidates without their texts, and live examples at fault."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from proposer.domain.model import PromptKey, PromptState
from proposer.domain.pool_entries import PoolEntry
from proposer.domain.text_vectors import Embedder, pack_vector, unpack_vectors
from proposer.domain.tuning_settings import TuningSettings
from proposer.storage.candidates import BEST_FIRST, PER_CONTRIBUTOR
from proposer.storage.data_gates import PASSES_GATES, gate_parameters
from proposer.storage.tables import candidates, key_columns
from shared.events.proposals import RemovalReason

_LIMIT = 2_000
"""Candidates that are read for one selection."""

_EMBEDDED_AT_ONCE = 500

_POOL = text(
    f"""SELECT feedback_id, input_key, contributor, score, grant_eligible, is_live, corrected, approved, trusted,
         tokens, received_at, embedding
       FROM (
         SELECT *, example_digest = ANY(CAST(:served AS text[])) AS is_live,
           feedback_id = ANY(CAST(:chosen AS uuid[])) AS is_chosen,
           row_number() OVER (PARTITION BY contributor ORDER BY {BEST_FIRST}) AS nth
         FROM proposer.candidates
         WHERE project = :project AND environment = :environment AND name = :name
           AND NOT is_excluded AND received_at >= :since AND embedder = :embedder AND score >= :stay
           AND {PASSES_GATES}) AS ranked
       WHERE is_live OR is_chosen OR (score >= :enter AND nth <= :per_contributor)
       ORDER BY is_live OR is_chosen DESC, input_key, feedback_id LIMIT :limit"""
)

_MEMBERS = text(
    """SELECT *, example_digest = ANY(CAST(:served AS text[])) AS is_live FROM proposer.candidates
       WHERE project = :project AND environment = :environment AND name = :name AND feedback_id = ANY(:members)
         AND NOT is_excluded AND received_at >= :since AND embedder = :embedder AND score >= :stay"""
)

_FAULTS = text(
    """SELECT example_digest, bool_and(is_excluded) AS excluded, max(score) < :stay AS low
       FROM proposer.candidates
       WHERE project = :project AND environment = :environment AND name = :name
         AND example_digest = ANY(CAST(:served AS text[]))
       GROUP BY example_digest HAVING bool_and(is_excluded) OR max(score) < :stay"""
)

_APPROVE = text(
    """UPDATE proposer.candidates c SET approved = true FROM proposer.prompts p
       WHERE (p.project, p.environment, p.name) = (c.project, c.environment, c.name)
         AND c.project = :project AND c.environment = :environment AND c.name = :name AND p.live_sequence < :sequence
         AND c.example_digest = ANY(CAST(:served AS text[])) AND NOT c.example_digest = ANY(p.live_example_digests)"""
)

_EMBED = text(
    """UPDATE proposer.candidates c SET embedder = :embedder, embedding = v.embedding
       FROM unnest(CAST(:project AS text[]), CAST(:environment AS text[]), CAST(:name AS text[]),
                   CAST(:feedback_id AS uuid[]), CAST(:embedding AS bytea[]))
         AS v (project, environment, name, feedback_id, embedding)
       WHERE (c.project, c.environment, c.name, c.feedback_id) = (v.project, v.environment, v.name, v.feedback_id)"""
)


class SelectionPoolRepository:
    """The pool of each prompt in the transaction of `conn`."""

    def __init__(self, conn: AsyncConnection) -> None:
        self._conn = conn

    async def list_entries(
        self, state: PromptState, settings: TuningSettings, enter: float, embedder: str, now: datetime
    ) -> list[PoolEntry]:
        """Return the pool: candidates with a score of at least `enter`, and those that are live or chosen already."""
        rows = await self._conn.execute(
            _POOL,
            {
                **key_columns(state.key), "since": settings.since(now), "embedder": embedder, "enter": enter,
                "stay": settings.score_to_stay, "served": list(state.live_example_digests), "limit": _LIMIT,
                "chosen": [*state.chosen, *state.chosen_eligible], "per_contributor": PER_CONTRIBUTOR,
                **gate_parameters(settings.data),
            },
        )  # fmt: skip
        return _entries(rows.all())

    async def list_members(
        self, state: PromptState, members: Sequence[UUID], settings: TuningSettings, embedder: str, now: datetime
    ) -> list[PoolEntry]:
        """Return those of `members` (feedback ids) that may still be examples."""
        rows = await self._conn.execute(
            _MEMBERS,
            {
                **key_columns(state.key), "since": settings.since(now), "embedder": embedder, "members": list(members),
                "stay": settings.score_to_stay, "served": list(state.live_example_digests),
            },
        )  # fmt: skip
        return _entries(rows.all())

    async def list_faults(self, state: PromptState, settings: TuningSettings) -> dict[str, RemovalReason]:
        """Return why live examples should be removed, by digest; those without fault are left out."""
        if not state.live_example_digests:
            return {}
        served = {"served": list(state.live_example_digests), "stay": settings.score_to_stay}
        rows = await self._conn.execute(_FAULTS, {**key_columns(state.key), **served})
        return {row.example_digest: "objection" if row.excluded else "low_rating" for row in rows}

    async def approve_examples(self, key: PromptKey, sequence: int, digests: Sequence[str]) -> None:
        """Mark the candidates of examples that a person's decision brings; call it before the version is saved."""
        await self._conn.execute(_APPROVE, {**key_columns(key), "sequence": sequence, "served": list(digests)})

    async def embed_missing(self, embedder: Embedder) -> int:
        """Save vectors of at most 500 candidates that have none of this embedder; return how many."""
        c = candidates.c
        columns = (c.project, c.environment, c.name, c.feedback_id, c.input)
        rows = await self._conn.execute(
            select(*columns).where(c.embedder.is_distinct_from(embedder.name)).limit(_EMBEDDED_AT_ONCE)
        )
        found = rows.all()
        if found:
            vectors = embedder.embed([row.input for row in found])
            ids: dict[str, list[str | UUID]] = {
                name: [getattr(row, name) for row in found]
                for name in ("project", "environment", "name", "feedback_id")
            }
            packed = [pack_vector(vector) for vector in vectors]
            await self._conn.execute(_EMBED, {**ids, "embedder": embedder.name, "embedding": packed})
        return len(found)


def _entries(found: Sequence[Row[Any]]) -> list[PoolEntry]:
    vectors = unpack_vectors([row.embedding for row in found])
    return [
        PoolEntry(
            row.feedback_id, row.input_key, row.contributor, row.score, row.grant_eligible or row.is_live,
            row.approved or (row.corrected and row.trusted), row.trusted, row.tokens, row.received_at, vector,
        )
        for row, vector in zip(found, vectors, strict=True)
    ]  # fmt: skip
