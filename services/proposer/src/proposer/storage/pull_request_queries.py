"""Queries of the routes about pull requests: read only."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from proposer.storage.pull_request_tables import pull_requests, repository_texts
from proposer.storage.tables import prompts

_SHOWN = (
    "proposal_id", "name", "target", "forge", "repository", "branch", "state", "reason", "checks", "number", "url",
    "base_sha", "head_sha", "attempts", "next_attempt_at", "created_at", "changed_at",
)  # fmt: skip
_TEXT = ("name", "forge", "repository", "branch", "path", "digest", "base_sha", "same", "fault", "checked_at")


async def list_pull_requests(
    conn: AsyncConnection,
    scope: tuple[str, str],
    proposal_id: UUID | None,
    name: str | None,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> list[dict[str, Any]]:
    """Return the pull requests in `scope` (project, environment), latest first; the page starts `after` one."""
    p = pull_requests.c
    is_owner = and_(prompts.c.project == p.project, prompts.c.environment == p.environment, prompts.c.name == p.name)
    digest = p.proposal["digest"].astext
    in_use = func.coalesce(or_(prompts.c.live == digest, prompts.c.seen == digest), False)
    columns = [p[column] for column in _SHOWN]
    statement = (
        select(
            *columns, p.evaluation["verdict"].astext.label("evaluation"), digest.label("digest"), in_use.label("in_use")
        )
        .select_from(pull_requests.outerjoin(prompts, is_owner))
        .where(p.project == scope[0], p.environment == scope[1])
        .order_by(p.created_at.desc(), p.proposal_id)
        .limit(limit)
    )
    if proposal_id is not None:
        statement = statement.where(p.proposal_id == proposal_id)
    if name is not None:
        statement = statement.where(p.name == name)
    if after is not None:
        at, last = after
        statement = statement.where(or_(p.created_at < at, and_(p.created_at == at, p.proposal_id > last)))
    return [dict(row) for row in (await conn.execute(statement)).mappings()]


async def list_repository_texts(
    conn: AsyncConnection, scope: tuple[str, str], name: str | None, after: str | None, limit: int
) -> list[dict[str, Any]]:
    """Return the files of prompts in `scope`, by name; the page starts `after` one."""
    t = repository_texts.c
    statement = (
        select(*(t[column] for column in _TEXT))
        .where(t.project == scope[0], t.environment == scope[1])
        .order_by(t.name)
        .limit(limit)
    )
    if name is not None:
        statement = statement.where(t.name == name)
    if after is not None:
        statement = statement.where(t.name > after)
    return [dict(row) for row in (await conn.execute(statement)).mappings()]
