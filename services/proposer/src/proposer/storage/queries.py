"""Queries of the HTTP routes: read only, without the caller's lock."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import and_, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from proposer.domain.candidates import CANDIDATE_WINDOW
from proposer.domain.model import Candidate, PromptKey
from proposer.storage.candidates import candidate_from_row
from proposer.storage.tables import candidates, documents, key_from_row, prompts, proposals, regressions
from ratchet.prompt import Prompt, parse


async def list_candidates(
    conn: AsyncConnection, scope: tuple[str, str], now: datetime, filters: Mapping[str, object], page: tuple[int, int]
) -> list[Candidate]:
    """Return the candidates of `scope` (project, environment) that may be selected, by prompt name, best first.

    `filters` may have `name`, `feedback_id` and `execution_id`; `page` is (offset, limit).
    """
    c = candidates.c
    statement = (
        select(candidates)
        .where(c.project == scope[0], c.environment == scope[1], ~c.barred, c.received_at >= now - CANDIDATE_WINDOW)
        .where(*(c[column] == value for column, value in filters.items()))
        .order_by(c.name, c.grant_eligible.desc(), c.score.desc(), c.received_at, c.feedback_id)
        .offset(page[0])
        .limit(page[1])
    )
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
    conn: AsyncConnection, scope: tuple[str, str], regression_id: UUID | None, page: tuple[int, int]
) -> list[dict[str, object]]:
    """Return each regression in `scope` with its proposal or the reason why there is none, latest change first."""
    statement = (
        select(
            regressions.c.regression_id, regressions.c.target, regressions.c.name, regressions.c.state,
            regressions.c.proposal_id, proposals.c.state.label("proposal_state"), proposals.c.kind,
            regressions.c.reason, regressions.c.detail, regressions.c.changed_at,
        )
        .select_from(regressions.outerjoin(proposals, proposals.c.id == regressions.c.proposal_id))
        .where(regressions.c.project == scope[0], regressions.c.environment == scope[1])
        .order_by(regressions.c.changed_at.desc(), regressions.c.regression_id)
        .offset(page[0])
        .limit(page[1])
    )  # fmt: skip
    if regression_id is not None:
        statement = statement.where(regressions.c.regression_id == regression_id)
    return [dict(row) for row in (await conn.execute(statement)).mappings()]
