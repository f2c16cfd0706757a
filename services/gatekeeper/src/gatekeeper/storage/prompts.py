"""Read and store prompt names: what is live, what was observed, and the versions that were live."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from gatekeeper.domain.registry import (
    Archival,
    LiveElsewhere,
    LiveSummary,
    ObservedDigest,
    PromotedVersion,
    RegisteredPrompt,
    VersionAuthorisation,
)
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
_OBSERVE = text(
    """INSERT INTO gatekeeper.observed (project, environment, name, digest, target, first_seen)
       VALUES (:project, :environment, :name, :digest, :target, :first_seen) ON CONFLICT DO NOTHING"""
)


@dataclass(frozen=True, slots=True)
class PromptQuery:
    """Filters and page of the list of names. `after`: the last name of the page before; "" for the first page."""

    after: str
    limit: int
    name: str | None = None
    archived: bool = False


class PromptRepository:
    """The names of the registry in the transaction of `conn`."""

    def __init__(self, conn: AsyncConnection) -> None:
        self._conn = conn

    async def save_observation(self, event: PromptObserved) -> None:
        """Store that a digest is in use."""
        columns = {"project", "environment", "name", "digest", "target", "first_seen"}
        await self._conn.execute(_OBSERVE, event.model_dump(include=columns))

    async def list_prompts(self, principal: Principal, query: PromptQuery) -> list[RegisteredPrompt]:
        """Return names in order, each with what is live and the digests that were observed.

        People also get what is live in the other environments of the project; services do not.
        """
        scope = {"project": principal.project, "environment": principal.environment}
        rows = (await self._conn.execute(_LIST, scope | asdict(query))).all()
        names = {"names": [row.name for row in rows]}
        observed = (await self._conn.execute(_OBSERVED, scope | names)).all()
        elsewhere: Sequence[Row[Any]] = ()
        if principal.kind == "person":
            elsewhere = (await self._conn.execute(_ELSEWHERE, scope | names)).all()
        return [_registered(row, elsewhere, observed) for row in rows]

    async def list_versions(
        self, project: str, environment: str, name: str, before: int | None, limit: int
    ) -> list[PromotedVersion]:
        """Return the versions that were live under a name, newest first, with document and authorisation.

        `before`: the sequence of the last version of the page before; None for the first page.
        """
        values = {"project": project, "environment": environment, "name": name, "before": before, "limit": limit}
        return [_version(row) for row in await self._conn.execute(_VERSIONS, values)]


def _registered(row: Row[Any], elsewhere: Iterable[Row[Any]], observed: Iterable[Row[Any]]) -> RegisteredPrompt:
    others = [other for other in elsewhere if other.name == row.name]
    return RegisteredPrompt(
        name=row.name,
        live=None if row.digest is None else LiveSummary(*_live_columns(row)),
        archived=None if row.archived_by is None else Archival(row.archived_by, row.archived_at, row.archived_why),
        elsewhere=[LiveElsewhere(other.environment, *_live_columns(other)) for other in others],
        observed=[_observed(seen) for seen in observed if seen.name == row.name],
    )


def _live_columns(row: Row[Any]) -> tuple[Any, ...]:
    return (row.target, row.digest, row.sequence, row.reason, row.by, row.at)


def _observed(row: Row[Any]) -> ObservedDigest:
    return ObservedDigest(row.digest, row.target, row.first_seen, row.known, row.reviewed)


def _version(row: Row[Any]) -> PromotedVersion:
    authorisation = VersionAuthorisation(row.authorised_by, row.authorisation_id, row.by, row.because)
    return PromotedVersion(
        row.sequence,
        row.target,
        row.digest,
        row.base_digest,
        row.reason,
        authorisation,
        row.at,
        json.loads(row.canonical),
    )
