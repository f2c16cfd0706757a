"""Read and store versions, example sets and observed digests."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from gatekeeper.domain.content import Content
from ratchet.prompt import Prompt, PromptError, parse
from shared.auth.principal import Principal
from shared.events.feedback import PromptObserved

_LIST = text(
    """SELECT n.name, l.target, l.digest, l.sequence, l.reason, l.by, l.at,
              a.by AS archived_by, a.at AS archived_at, a.reason AS archived_why
       FROM (SELECT name FROM gatekeeper.live WHERE project = :project AND environment = :environment
             UNION SELECT name FROM gatekeeper.observed WHERE project = :project AND environment = :environment) n
       LEFT JOIN gatekeeper.live l ON (l.project, l.environment, l.name) = (:project, :environment, n.name)
       LEFT JOIN gatekeeper.archived a ON (a.project, a.environment, a.name, a.sequence)
                                        = (:project, :environment, n.name, coalesce(l.sequence, 0))
       WHERE n.name > :after AND (CAST(:name AS text) IS NULL OR n.name = :name)
         AND (:archived OR a.name IS NULL OR n.name = :name) ORDER BY n.name LIMIT :limit"""
)
_ELSEWHERE = text(
    """SELECT name, environment, target, digest, sequence, reason, by, at FROM gatekeeper.live
       WHERE project = :project AND environment <> :environment AND name = ANY (:names) ORDER BY environment"""
)
_OBSERVED = text(
    """SELECT o.name, o.digest, o.target, o.first_seen,
              EXISTS (SELECT FROM gatekeeper.prompt_versions v
                      WHERE v.project = o.project AND v.digest = o.digest) AS known,
              EXISTS (SELECT FROM gatekeeper.live_history h
                      WHERE (h.project, h.environment, h.name) = (o.project, o.environment, o.name)
                      AND o.digest IN (h.digest, h.base_digest))
              OR EXISTS (SELECT FROM gatekeeper.reviews r
                         WHERE (r.project, r.environment, r.name, r.digest)
                         = (o.project, o.environment, o.name, o.digest)) AS reviewed
       FROM gatekeeper.observed o
       WHERE o.project = :project AND o.environment = :environment AND o.name = ANY (:names)
       ORDER BY o.first_seen DESC"""
)
_VERSIONS = text(
    """SELECT h.sequence, h.target, h.digest, h.base_digest, h.reason, h.by, h.at, v.canonical,
              CASE WHEN h.decision_id IS NOT NULL THEN 'decision' WHEN h.grant_use_id IS NOT NULL THEN 'grant'
                   ELSE 'rollback' END AS authorised_by,
              coalesce(h.decision_id, h.grant_use_id, h.rollback_id) AS authorisation_id,
              coalesce(d.reason, r.reason, '') AS because
       FROM gatekeeper.live_history h JOIN gatekeeper.prompt_versions v USING (project, digest)
       LEFT JOIN gatekeeper.decisions d ON d.id = h.decision_id
       LEFT JOIN gatekeeper.rollbacks r ON r.id = h.rollback_id
       WHERE (h.project, h.environment, h.name) = (:project, :environment, :name)
         AND (CAST(:before AS bigint) IS NULL OR h.sequence < :before)
       ORDER BY h.sequence DESC LIMIT :limit"""
)


async def save_contents(conn: AsyncConnection, table: str, project: str, contents: Iterable[Content]) -> None:
    """Store contents in `prompt_versions`, `examples` or `example_sets`; existing ones stay unchanged."""
    rows = [{"project": project, "digest": c.digest, "canonical": c.canonical} for c in contents]
    if rows:
        statement = f"""INSERT INTO gatekeeper.{table} (project, digest, canonical)
                        VALUES (:project, :digest, :canonical) ON CONFLICT DO NOTHING"""
        await conn.execute(text(statement), rows)


async def get_version(conn: AsyncConnection, project: str, digest: str) -> Prompt | None:
    """Return a stored version; None if its content is unknown or not a valid prompt document."""
    found = await conn.execute(
        text("SELECT canonical FROM gatekeeper.prompt_versions WHERE project = :project AND digest = :digest"),
        {"project": project, "digest": digest},
    )
    canonical = found.scalar()
    try:
        return None if canonical is None else parse(json.loads(canonical))
    except PromptError:
        return None


async def get_version_row(conn: AsyncConnection, project: str, digest: str) -> dict[str, Any] | None:
    """Return the document of a stored version and when it was added; None if it is unknown."""
    found = await conn.execute(
        text(
            "SELECT canonical, added_at FROM gatekeeper.prompt_versions WHERE project = :project AND digest = :digest"
        ),
        {"project": project, "digest": digest},
    )
    row = found.one_or_none()
    return None if row is None else {"digest": digest, "document": json.loads(row.canonical), "added_at": row.added_at}


async def list_set_members(conn: AsyncConnection, project: str, sets: Iterable[str]) -> dict[str, list[str]]:
    """Return set digest → digests of its examples in order, for the known sets."""
    found = await conn.execute(
        text("SELECT digest, canonical FROM gatekeeper.example_sets WHERE project = :project AND digest = ANY (:sets)"),
        {"project": project, "sets": list(sets)},
    )
    return {row.digest: json.loads(row.canonical)["examples"] for row in found}


async def list_revoked_examples(conn: AsyncConnection, project: str, environment: str) -> set[str]:
    """Return the digests of the examples that were revoked in an environment or the whole project."""
    found = await conn.execute(
        text(
            """SELECT digest FROM gatekeeper.example_revocations
               WHERE project = :project AND environment IN ('*', :environment)"""
        ),
        {"project": project, "environment": environment},
    )
    return set(found.scalars())


async def save_observation(conn: AsyncConnection, event: PromptObserved) -> None:
    """Store that a digest is in use."""
    await conn.execute(
        text(
            """INSERT INTO gatekeeper.observed (project, environment, name, digest, target, first_seen)
               VALUES (:project, :environment, :name, :digest, :target, :first_seen) ON CONFLICT DO NOTHING"""
        ),
        event.model_dump(include={"project", "environment", "name", "digest", "target", "first_seen"}),
    )


@dataclass(frozen=True, slots=True)
class PromptQuery:
    """Filters and page of the list of names. `after`: the last name of the page before; "" for the first page."""

    after: str
    limit: int
    name: str | None = None
    archived: bool = False


async def list_prompts(conn: AsyncConnection, principal: Principal, query: PromptQuery) -> Sequence[dict[str, Any]]:
    """Return names in order, each with what is live and the digests that were observed.

    People also get what is live in the other environments of the project; services do not.
    """
    scope = {"project": principal.project, "environment": principal.environment}
    rows = (await conn.execute(_LIST, scope | asdict(query))).all()
    names = {"names": [row.name for row in rows]}
    seen = (await conn.execute(_OBSERVED, scope | names)).all()
    others = (await conn.execute(_ELSEWHERE, scope | names)).all() if principal.kind == "person" else []
    return [
        {
            "name": row.name,
            "live": None if row.digest is None else _live(row),
            "archived": _archived(row),
            "elsewhere": [{"environment": o.environment, **_live(o)} for o in others if o.name == row.name],
            "observed": [
                {
                    "digest": o.digest,
                    "target": o.target,
                    "first_seen": o.first_seen,
                    "content_known": o.known,
                    "reviewed": o.reviewed,
                }
                for o in seen
                if o.name == row.name
            ],
        }
        for row in rows
    ]


def _archived(row: Row[Any]) -> dict[str, Any] | None:
    if row.archived_by is None:
        return None
    return {"by": row.archived_by, "at": row.archived_at, "reason": row.archived_why}


def _live(row: Row[Any]) -> dict[str, Any]:
    return {
        "target": row.target,
        "digest": row.digest,
        "sequence": row.sequence,
        "reason": row.reason,
        "by": row.by,
        "occurred_at": row.at,
    }


async def list_versions(
    conn: AsyncConnection, project: str, environment: str, name: str, before: int | None, limit: int
) -> Sequence[dict[str, Any]]:
    """Return the versions that were live under a name, newest first, with document and authorisation.

    `before`: the sequence of the last version of the page before; None for the first page.
    """
    found = await conn.execute(
        _VERSIONS,
        {"project": project, "environment": environment, "name": name, "before": before, "limit": limit},
    )
    return [
        {
            "sequence": row.sequence,
            "target": row.target,
            "digest": row.digest,
            "base_digest": row.base_digest,
            "reason": row.reason,
            "authorisation": {
                "kind": row.authorised_by,
                "id": row.authorisation_id,
                "by": row.by,
                "reason": row.because,
            },
            "occurred_at": row.at,
            "document": json.loads(row.canonical),
        }
        for row in found
    ]
