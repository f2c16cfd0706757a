"""SQL of candidates and of the objections to them.

A candidate is excluded (`is_excluded`) once its execution has an objection or its example is revoked. It is kept,
hidden, until it expires. The flag is a column so that selecting examples needs no join.
"""

from collections.abc import Container, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from proposer.domain.candidate_eligibility import CANDIDATE_WINDOW
from proposer.domain.model import Candidate, Objection, PromptKey
from proposer.domain.text_vectors import Embedder, pack_vector
from proposer.storage.tables import candidates, key_columns, key_from_row, matches_key

KEPT = 500
"""Candidates kept for each prompt: this many by rank, and as many by age."""

OBJECTIONS_KEPT = timedelta(days=3)
"""How long an objection is kept, to exclude candidates that arrive after it. Feedback waits at most a day."""

PER_CONTRIBUTOR = 20
"""Candidates kept and considered of one contributor; those without a contributor count as one. Inputs may repeat."""

BEST_FIRST = "grant_eligible DESC, score DESC, received_at, feedback_id"
"""`Candidate.rank` without `live`, which an index cannot know."""

_INSERT = text(
    """INSERT INTO proposer.candidates
         (project, environment, name, feedback_id, execution_id, target, digest, example_digest, score, input, output,
          input_key, "user", contributor, author, grant_eligible, occurred_at, received_at, corrected, trusted, tokens,
          embedder, embedding, region, confidentiality, personal, is_excluded)
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
         CAST(:author AS text[]),
         CAST(:grant_eligible AS boolean[]), CAST(:occurred_at AS timestamptz[]),
         CAST(:received_at AS timestamptz[]), CAST(:corrected AS boolean[]), CAST(:trusted AS boolean[]),
         CAST(:tokens AS integer[]), CAST(:embedder AS text[]), CAST(:embedding AS bytea[]),
         CAST(:region AS text[]), CAST(:confidentiality AS text[]), CAST(:personal AS boolean[]))
         AS c (project, environment, name, feedback_id, execution_id, target, digest, example_digest, score, input,
               output, input_key, "user", contributor, author, grant_eligible, occurred_at, received_at, corrected,
               trusted, tokens, embedder, embedding, region, confidentiality, personal)
       ON CONFLICT DO NOTHING RETURNING project, environment, name, feedback_id, is_excluded"""
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

_EXPIRE = text("DELETE FROM proposer.candidates WHERE received_at < :since RETURNING project, environment, name")
_EXPIRE_OBJECTIONS = text("DELETE FROM proposer.objections WHERE received_at < :since")

_THEIRS = """project = :project AND ("user" = :subject OR contributor = :subject OR author = :subject)"""
_PROMPTS_OF = text(f"SELECT DISTINCT project, environment, name, target FROM proposer.candidates WHERE {_THEIRS}")
_DELETE_OF = text(f"DELETE FROM proposer.candidates WHERE {_THEIRS} RETURNING project, environment, name, feedback_id")

# Members of a set or of an open proposal stay, whatever their rank: a set that represents the questions is not that of
# the best scores.
_TRIM = text(
    f"""DELETE FROM proposer.candidates c USING (
         SELECT project, environment, name, feedback_id,
           row_number() OVER (PARTITION BY project, environment, name, contributor ORDER BY {BEST_FIRST}) AS nth,
           row_number() OVER (PARTITION BY project, environment, name ORDER BY {BEST_FIRST}) AS by_rank,
           row_number() OVER (PARTITION BY project, environment, name ORDER BY received_at DESC) AS by_age
         FROM proposer.candidates WHERE NOT is_excluded) AS r
       WHERE (c.project, c.environment, c.name, c.feedback_id) = (r.project, r.environment, r.name, r.feedback_id)
         AND (nth > :per_contributor OR by_rank > :kept AND by_age > :kept)
         AND NOT EXISTS (
           SELECT FROM proposer.prompts p
           WHERE (p.project, p.environment, p.name) = (c.project, c.environment, c.name)
             AND (c.feedback_id = ANY(p.chosen || p.chosen_eligible)
                  OR c.example_digest = ANY(p.live_example_digests)))
         AND NOT EXISTS (
           SELECT FROM proposer.proposals q
           WHERE (q.project, q.environment, q.name) = (c.project, c.environment, c.name)
             AND q.state = 'open' AND c.feedback_id = ANY(q.members))"""
)


class CandidateRepository:
    """Candidates and objections in the transaction of `conn`."""

    def __init__(self, conn: AsyncConnection) -> None:
        self._conn = conn

    async def save_candidates(self, new: Sequence[Candidate], embedder: Embedder) -> set[tuple[PromptKey, UUID]]:
        """Save candidates with their vectors; return the prompt and feedback id of those that are new and usable.

        One that is saved already is left unchanged, one with an objection is excluded at once.
        """
        if not new:
            return set()
        vectors = embedder.embed([candidate.input for candidate in new])
        rows = [_row(c, embedder.name, pack_vector(vector)) for c, vector in zip(new, vectors, strict=True)]
        saved = await self._conn.execute(_INSERT, {column: [row[column] for row in rows] for column in rows[0]})
        return {(key_from_row(row), row.feedback_id) for row in saved if not row.is_excluded}

    async def save_objections(self, objections: Sequence[Objection]) -> set[PromptKey]:
        """Save objections (at most one per execution) and return the prompts that lost a candidate to them."""
        if not objections:
            return set()
        fields = ("project", "environment", "execution_id", "feedback_id", "received_at")
        columns = {field: [getattr(objection, field) for objection in objections] for field in fields}
        await self._conn.execute(_SAVE_OBJECTIONS, columns)
        return {PromptKey(*row) for row in await self._conn.execute(_EXCLUDE_OBJECTED, columns)}

    async def list_by_id(
        self, key: PromptKey, feedback_ids: Sequence[UUID], live_examples: Container[str]
    ) -> dict[UUID, Candidate]:
        """Return the candidates of a prompt with these feedback ids."""
        c = candidates.c
        mine = select(candidates).where(matches_key(candidates, key), c.feedback_id.in_(feedback_ids))
        rows = await self._conn.execute(mine) if feedback_ids else ()
        return {row.feedback_id: candidate_from_row(row, live_examples) for row in rows}

    async def list_prompts_of(self, project: str, subject: str) -> dict[PromptKey, str]:
        """Return the prompts that have candidates with texts of a user, with their targets."""
        rows = await self._conn.execute(_PROMPTS_OF, {"project": project, "subject": subject})
        return {key_from_row(row): row.target for row in rows}

    async def delete_of(self, project: str, subject: str) -> dict[PromptKey, set[UUID]]:
        """Delete the candidates with texts of a user; return their feedback ids by prompt."""
        deleted: dict[PromptKey, set[UUID]] = {}
        for row in await self._conn.execute(_DELETE_OF, {"project": project, "subject": subject}):
            deleted.setdefault(key_from_row(row), set()).add(row.feedback_id)
        return deleted

    async def delete_expired(self, now: datetime) -> set[PromptKey]:
        """Delete candidates past the window or over the limits; return the prompts whose example set may change."""
        expired = {PromptKey(*row) for row in await self._conn.execute(_EXPIRE, {"since": now - CANDIDATE_WINDOW})}
        excluded = {PromptKey(*row) for row in await self._conn.execute(_EXCLUDE_MISSED)}
        await self._conn.execute(_EXPIRE_OBJECTIONS, {"since": now - OBJECTIONS_KEPT})
        await self._conn.execute(_TRIM, {"kept": KEPT, "per_contributor": PER_CONTRIBUTOR})
        return expired | excluded


def candidate_from_row(row: Row[Any], live_examples: Container[str] = ()) -> Candidate:
    """Return the candidate in a row; it is live if its example digest is among `live_examples`."""
    r = row._mapping
    return Candidate(
        PromptKey(r["project"], r["environment"], r["name"]), r["target"], r["digest"], r["feedback_id"],
        r["execution_id"], r["score"], r["input"], r["output"], r["input_key"], r["user"],
        r["contributor"], r["grant_eligible"], r["occurred_at"], r["received_at"],
        r["example_digest"] in live_examples, r["author"], r["corrected"], r["approved"], r["trusted"], r["region"],
        r["confidentiality"],
    )  # fmt: skip


def _row(c: Candidate, embedder: str, embedding: bytes) -> dict[str, object]:
    return {
        **key_columns(c.key),
        "feedback_id": c.feedback_id,
        "execution_id": c.execution_id,
        "target": c.target,
        "digest": c.digest,
        "example_digest": c.example_digest,
        "score": c.score,
        "input": c.input,
        "output": c.output,
        "input_key": c.input_key,
        "user": c.user,
        "contributor": c.contributor,
        "author": c.author,
        "grant_eligible": c.grant_eligible,
        "occurred_at": c.occurred_at,
        "received_at": c.received_at,
        "corrected": c.corrected,
        "trusted": c.trusted,
        "tokens": c.tokens,
        "embedder": embedder,
        "embedding": embedding,
        "region": c.region,
        "confidentiality": c.confidentiality,
        "personal": c.data.personal,
    }
