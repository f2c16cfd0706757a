"""Read and store live versions."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, cast

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gatekeeper.domain.live_version import ArmsRow, LiveKey, LiveRow, LiveSignatures, LiveVersion, live_event
from gatekeeper.domain.rollout_plan import ALL
from gatekeeper.storage.contents import ContentRepository
from gatekeeper.storage.typed_rows import fetch_rows
from shared.events.promotion import PromptLive, Signature

_COLUMNS = """h.project, h.environment, h.name, h.target, h.digest, h.sequence, h.reason, h.decision_id,
              h.grant_use_id, h.rollback_id, h.rollout_change_id, r.decision_id AS rollout_decision_id, h.by, h.at,
              v.canonical, c.weight, r.id AS rollout_id, r.plan_digest, r.salt, r.candidate_digest,
              p.canonical::jsonb ->> 'unit' AS unit, w.canonical AS candidate"""
_JOINED = """JOIN gatekeeper.prompt_versions v USING (project, digest)
             LEFT JOIN gatekeeper.rollout_changes c ON c.id = h.rollout_change_id
             LEFT JOIN gatekeeper.rollouts r ON r.id = c.rollout_id
             LEFT JOIN gatekeeper.rollout_plans p ON (p.project, p.digest) = (r.project, r.plan_digest)
             LEFT JOIN gatekeeper.prompt_versions w ON (w.project, w.digest) = (r.project, r.candidate_digest)"""
_LIVE = text(
    f"""SELECT {_COLUMNS}, s.key_id, s.signature, s.rollout_signature
        FROM gatekeeper.live h {_JOINED}
        JOIN gatekeeper.live_signatures s ON (s.project, s.environment, s.name, s.sequence)
             = (h.project, h.environment, h.name, h.sequence)
        WHERE h.project = :project AND h.environment = :environment
          AND (CAST(:names AS text[]) IS NULL OR h.name = ANY (:names))"""
)
_ROW = text(
    f"""SELECT {_COLUMNS} FROM gatekeeper.live_history h {_JOINED}
        WHERE (h.project, h.environment, h.name, h.sequence) = (:project, :environment, :name, :sequence)"""
)
_SIGNATURE = text(
    """INSERT INTO gatekeeper.live_signatures (project, environment, name, sequence, key_id, signature,
                                               rollout_signature)
       VALUES (:project, :environment, :name, :sequence, :key_id, :signature, :rollout_signature)"""
)
_HISTORY = text(
    """SELECT digest, base_digest, reason FROM gatekeeper.live_history
       WHERE (project, environment, name) = (:project, :environment, :name) ORDER BY sequence"""
)
_NOW = text("SELECT clock_timestamp()")
_SINCE = text(
    """SELECT project, environment, name, max(sequence) AS sequence FROM gatekeeper.live_history
       WHERE at > :since GROUP BY project, environment, name"""
)
_WITH_REVOKED = text(
    "SELECT name, digest FROM gatekeeper.live_with_revoked WHERE project = :project AND environment = :environment"
)


class LiveVersionRepository:
    """Live versions and their history in the transaction of `conn`."""

    def __init__(self, conn: AsyncConnection) -> None:
        self._conn = conn

    async def list_live(self, project: str, environment: str, names: Sequence[str] | None = None) -> list[PromptLive]:
        """Return the signed live versions of an environment: all, or those of `names`."""
        values = {"project": project, "environment": environment, "names": None if names is None else list(names)}
        rows = (await self._conn.execute(_LIVE, values)).mappings().all()
        contents = await self._with_content(rows)
        return [live_event(content, _signatures(row)) for content, row in zip(contents, rows, strict=True)]

    async def get_live_row(self, key: LiveKey) -> LiveRow:
        """Return a row of history that exists, with its content."""
        [found] = await self._with_content((await self._conn.execute(_ROW, asdict(key))).mappings().all())
        return found

    async def save_signatures(self, key: LiveKey, signatures: LiveSignatures) -> None:
        """Store the signatures of a row of history."""
        arms = None if signatures.arms is None else signatures.arms.value
        values = {"key_id": signatures.live.key_id, "signature": signatures.live.value, "rollout_signature": arms}
        await self._conn.execute(_SIGNATURE, {**asdict(key), **values})

    async def list_history(self, project: str, environment: str, name: str) -> list[LiveVersion]:
        """Return all versions that were live under a name, by sequence."""
        values = {"project": project, "environment": environment, "name": name}
        return await fetch_rows(self._conn, LiveVersion, _HISTORY, values)

    async def list_live_with_revoked(self, project: str, environment: str) -> list[tuple[str, str]]:
        """Return name and digest of the live versions that serve a revoked example."""
        found = await self._conn.execute(_WITH_REVOKED, {"project": project, "environment": environment})
        return [(row.name, row.digest) for row in found]

    async def get_time(self) -> datetime:
        """Return the time of the database's clock, by which rows of the history are dated."""
        return cast(datetime, (await self._conn.execute(_NOW)).scalar_one())

    async def list_promotions(self, since: datetime) -> list[LiveKey]:
        """Return the newest row of history of each name that has one after `since`."""
        return await fetch_rows(self._conn, LiveKey, _SINCE, {"since": since})

    async def _with_content(self, rows: Sequence[Mapping[Any, Any]]) -> list[LiveRow]:
        served = [json.loads(row["canonical"]) for row in rows]
        candidates = {n: json.loads(row["candidate"]) for n, row in enumerate(rows) if _has_arms(row)}
        project = rows[0]["project"] if rows else ""
        examples = await ContentRepository(self._conn).list_slot_examples(project, [*served, *candidates.values()])
        of_candidates = dict(zip(candidates, examples[len(served) :], strict=True))
        return [
            LiveRow(
                **{field: row[field] for field in LiveRow.__slots__ if field not in {"document", "examples", "arms"}},
                document=served[n],
                examples=examples[n],
                arms=_arms(row, candidates[n], of_candidates[n]) if n in candidates else None,
            )
            for n, row in enumerate(rows)
        ]


def _signatures(row: Mapping[Any, Any]) -> LiveSignatures:
    key_id, arms = row["key_id"], row["rollout_signature"]
    live = Signature(key_id=key_id, value=row["signature"])
    return LiveSignatures(live, None if arms is None else Signature(key_id=key_id, value=arms))


def _has_arms(row: Mapping[Any, Any]) -> bool:
    return row["weight"] is not None and 0 < row["weight"] < ALL


def _arms(
    row: Mapping[Any, Any], document: Mapping[str, object], examples: Mapping[str, Sequence[Mapping[str, str]]]
) -> ArmsRow:
    facts = (row["rollout_id"], row["plan_digest"], row["weight"], row["salt"], row["unit"], row["candidate_digest"])
    return ArmsRow(*facts, document, examples)
