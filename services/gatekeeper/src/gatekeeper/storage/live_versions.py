"""Read and store live versions."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, cast

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gatekeeper.domain.live_version import LiveKey, LiveRow, LiveVersion, live_event
from gatekeeper.storage.contents import ContentRepository
from gatekeeper.storage.typed_rows import fetch_rows
from shared.events.promotion import PromptLive, Signature

_COLUMNS = """h.project, h.environment, h.name, h.target, h.digest, h.sequence, h.reason, h.decision_id,
              h.grant_use_id, h.rollback_id, h.by, h.at, v.canonical"""
_LIVE = text(
    f"""SELECT {_COLUMNS}, s.key_id, s.signature
        FROM gatekeeper.live h
        JOIN gatekeeper.prompt_versions v USING (project, digest)
        JOIN gatekeeper.live_signatures s USING (project, environment, name, sequence)
        WHERE h.project = :project AND h.environment = :environment
          AND (CAST(:names AS text[]) IS NULL OR h.name = ANY (:names))"""
)
_ROW = text(
    f"""SELECT {_COLUMNS} FROM gatekeeper.live_history h JOIN gatekeeper.prompt_versions v USING (project, digest)
        WHERE (h.project, h.environment, h.name, h.sequence) = (:project, :environment, :name, :sequence)"""
)
_SIGNATURE = text(
    """INSERT INTO gatekeeper.live_signatures (project, environment, name, sequence, key_id, signature)
       VALUES (:project, :environment, :name, :sequence, :key_id, :signature)"""
)
_EXAMPLES = text(
    "SELECT digest, canonical FROM gatekeeper.examples WHERE project = :project AND digest = ANY (:digests)"
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
        signatures = [Signature(key_id=row["key_id"], value=row["signature"]) for row in rows]
        return [live_event(content, signature) for content, signature in zip(contents, signatures, strict=True)]

    async def get_live_row(self, key: LiveKey) -> LiveRow:
        """Return a row of history that exists, with its content."""
        [found] = await self._with_content((await self._conn.execute(_ROW, asdict(key))).mappings().all())
        return found

    async def save_signature(self, key: LiveKey, signature: Signature) -> None:
        """Store the signature of a row of history."""
        await self._conn.execute(_SIGNATURE, {**asdict(key), "key_id": signature.key_id, "signature": signature.value})

    async def list_history(self, project: str, environment: str, name: str) -> list[LiveVersion]:
        """Return all versions that were live under a name, by sequence."""
        values = {"project": project, "environment": environment, "name": name}
        return await fetch_rows(self._conn, LiveVersion, _HISTORY, values)

    async def list_live_with_revoked(self, project: str, environment: str) -> list[tuple[str, str]]:
        """Return name and digest of the live versions that serve a revoked example."""
        found = await self._conn.execute(_WITH_REVOKED, {"project": project, "environment": environment})
        return [(row.name, row.digest) for row in found]

    async def get_time(self) -> datetime:
        """Return the time of the database's clock, which rows of history have."""
        return cast(datetime, (await self._conn.execute(_NOW)).scalar_one())

    async def list_promotions(self, since: datetime) -> list[LiveKey]:
        """Return the newest row of history of each name that has one after `since`."""
        return await fetch_rows(self._conn, LiveKey, _SINCE, {"since": since})

    async def _with_content(self, rows: Sequence[Mapping[Any, Any]]) -> list[LiveRow]:
        documents = [json.loads(row["canonical"]) for row in rows]
        slots = [_filled_slots(document) for document in documents]
        project = rows[0]["project"] if rows else ""
        set_digests = {digest for filled in slots for digest in filled.values()}
        sets = await ContentRepository(self._conn).list_set_members(project, set_digests)
        digests = [digest for members in sets.values() for digest in members]
        found = (await self._conn.execute(_EXAMPLES, {"project": project, "digests": digests})).all() if digests else []
        texts = {row.digest: _example(row.canonical) for row in found}
        return [
            LiveRow(
                **{field: row[field] for field in LiveRow.__slots__ if field not in {"document", "examples"}},
                document=document,
                examples={slot: [texts[member] for member in sets[digest]] for slot, digest in filled.items()},
            )
            for row, document, filled in zip(rows, documents, slots, strict=True)
        ]


def _filled_slots(document: Mapping[str, Any]) -> dict[str, str]:
    """Return slot → digest of its example set, for the slots that hold one."""
    return {name: slot["set"] for name, slot in document["slots"].items() if slot["set"] is not None}


def _example(canonical: str) -> dict[str, str]:
    example = json.loads(canonical)
    return {"input": example["input"], "output": example["output"]}
