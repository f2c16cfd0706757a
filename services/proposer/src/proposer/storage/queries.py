"""Queries of the HTTP routes: read only, without the caller's lock."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import and_, any_, exists, not_, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from proposer.domain.candidate_eligibility import CANDIDATE_WINDOW
from proposer.domain.model import Candidate, PromptKey
from proposer.storage.candidates import candidate_from_row
from proposer.storage.tables import candidates, documents, key_from_row, prompts, proposals, regressions
from ratchet.prompt import Prompt, parse


class CandidatePosition(NamedTuple):
    """The position of a candidate in the list: by prompt name, best first."""

    name: str
    grant_eligible: bool
    score: float
    received_at: datetime
    feedback_id: UUID

    def sort_key(self) -> tuple[str, bool, float, datetime, UUID]:
        """Return a key whose ascending order is the order of the list."""
        return self.name, not self.grant_eligible, -self.score, self.received_at, self.feedback_id


async def list_candidates(
    conn: AsyncConnection,
    scope: tuple[str, str],
    now: datetime,
    filters: Mapping[str, object],
    after: CandidatePosition | None,
    limit: int,
    chosen: bool = False,
) -> list[Candidate]:
    """Return the candidates of `scope` (project, environment) that may be selected, by prompt name, best first.

    `filters` may have `name`, `feedback_id` and `execution_id`; `chosen`: only those in an example set now. The page
    starts `after` a candidate.
    """
    c = candidates.c
    statement = (
        select(candidates)
        .where(c.project == scope[0], c.environment == scope[1])
        .where(~c.is_excluded, c.received_at >= now - CANDIDATE_WINDOW)
        .where(*(c[column] == value for column, value in filters.items()))
        .order_by(c.name, c.grant_eligible.desc(), c.score.desc(), c.received_at, c.feedback_id)
        .limit(limit)
    )
    if chosen:
        p = prompts.c
        is_owner = and_(p.project == c.project, p.environment == c.environment, p.name == c.name)
        statement = statement.where(exists().where(is_owner, c.feedback_id == any_(p.chosen)))
    if after is not None:
        position = (c.name, not_(c.grant_eligible), -c.score, c.received_at, c.feedback_id)
        statement = statement.where(tuple_(*position) > tuple_(*after.sort_key()))
    return [candidate_from_row(row) for row in await conn.execute(statement)]


async def get_example_sets(
    conn: AsyncConnection, scope: tuple[str, str], names: Sequence[str]
) -> dict[PromptKey, tuple[tuple[UUID, ...], Prompt | None]]:
    """Return the example set of each prompt (feedback ids, best first) and its document in use, if that is known."""
    in_use = and_(
        documents.c.project == prompts.c.project,
        documents.c.environment == prompts.c.environment,
        documents.c.name == prompts.c.name,
        or_(documents.c.digest == prompts.c.live, and_(prompts.c.live.is_(None), documents.c.digest == prompts.c.seen)),
    )
    rows = await conn.execute(
        select(prompts, documents.c.document)
        .select_from(prompts.outerjoin(documents, in_use))
        .where(prompts.c.project == scope[0], prompts.c.environment == scope[1], prompts.c.name.in_(names))
    )
    return {key_from_row(row): (tuple(row.chosen), parse(row.document) if row.document else None) for row in rows}


async def list_drafts(
    conn: AsyncConnection,
    scope: tuple[str, str],
    regression_id: UUID | None,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> list[dict[str, object]]:
    """Return each regression in `scope` with its proposal or the reason why there is none, latest change first.

    The page starts `after` a regression (its `changed_at` and id).
    """
    statement = (
        select(
            regressions.c.regression_id, regressions.c.target, regressions.c.name, regressions.c.state,
            regressions.c.proposal_id, proposals.c.state.label("proposal_state"), proposals.c.kind,
            regressions.c.reason, regressions.c.detail, regressions.c.changed_at,
            regressions.c.event["causes"][0]["kind"].astext.label("cause"),
        )
        .select_from(regressions.outerjoin(proposals, proposals.c.id == regressions.c.proposal_id))
        .where(regressions.c.project == scope[0], regressions.c.environment == scope[1])
        .order_by(regressions.c.changed_at.desc(), regressions.c.regression_id)
        .limit(limit)
    )  # fmt: skip
    if after is not None:
        at, last = after
        r = regressions.c
        statement = statement.where(or_(r.changed_at < at, and_(r.changed_at == at, r.regression_id > last)))
    if regression_id is not None:
        statement = statement.where(regressions.c.regression_id == regression_id)
    return [dict(row) for row in (await conn.execute(statement)).mappings()]
