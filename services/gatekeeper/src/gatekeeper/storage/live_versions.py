"""Read and store live versions."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gatekeeper.domain.live_version import LiveRow, LiveVersion, live_event
from gatekeeper.storage import prompts as registry
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


async def list_live(
    conn: AsyncConnection, project: str, environment: str, names: Sequence[str] | None = None
) -> list[PromptLive]:
    """Return the signed live versions of an environment: all, or those of `names`."""
    values = {"project": project, "environment": environment, "names": None if names is None else list(names)}
    rows = (await conn.execute(_LIVE, values)).mappings().all()
    contents = await _with_content(conn, rows)
    signatures = [Signature(key_id=row["key_id"], value=row["signature"]) for row in rows]
    return [live_event(content, signature) for content, signature in zip(contents, signatures, strict=True)]


async def get_live_row(conn: AsyncConnection, row: Mapping[Any, Any]) -> LiveRow:
    """Return the row of history with its content. `row` has project, environment, name and sequence."""
    [found] = await _with_content(conn, (await conn.execute(_ROW, _key(row))).mappings().all())
    return found


async def save_signature(conn: AsyncConnection, row: Mapping[Any, Any], signature: Signature) -> None:
    """Store the signature of a row of history. `row` has project, environment, name and sequence."""
    await conn.execute(_SIGNATURE, {**_key(row), "key_id": signature.key_id, "signature": signature.value})


async def list_history(conn: AsyncConnection, project: str, environment: str, name: str) -> list[LiveVersion]:
    """Return all versions that were live under a name, by sequence."""
    found = await conn.execute(_HISTORY, {"project": project, "environment": environment, "name": name})
    return [LiveVersion(row.digest, row.base_digest, row.reason) for row in found]


async def list_live_with_revoked(conn: AsyncConnection, project: str, environment: str) -> list[tuple[str, str]]:
    """Return name and digest of the live versions that serve a revoked example."""
    found = await conn.execute(_WITH_REVOKED, {"project": project, "environment": environment})
    return [(row.name, row.digest) for row in found]


async def database_time(conn: AsyncConnection) -> datetime:
    """Return the time of the database's clock, which rows of history have."""
    return cast(datetime, (await conn.execute(_NOW)).scalar_one())


async def list_promotions(conn: AsyncConnection, since: datetime) -> list[tuple[str, str, str, int]]:
    """Return project, environment, name and newest sequence of the names with a row of history after `since`."""
    found = await conn.execute(_SINCE, {"since": since})
    return [(row.project, row.environment, row.name, row.sequence) for row in found]


def _key(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {column: row[column] for column in ("project", "environment", "name", "sequence")}


async def _with_content(conn: AsyncConnection, rows: Sequence[Mapping[Any, Any]]) -> list[LiveRow]:
    documents = [json.loads(row["canonical"]) for row in rows]
    slots = [_filled_slots(document) for document in documents]
    project = rows[0]["project"] if rows else ""
    sets = await registry.list_set_members(conn, project, {digest for filled in slots for digest in filled.values()})
    digests = [digest for members in sets.values() for digest in members]
    found = (await conn.execute(_EXAMPLES, {"project": project, "digests": digests})).all() if digests else []
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
