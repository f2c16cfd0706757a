"""The SQL of what is live: reading it with its content, and saying it."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gatekeeper.promotion.live_version import LiveRow, LiveVersion, event, payload
from gatekeeper.registry import repository as registry
from gatekeeper.transaction import UnitOfWork
from shared.events import derived_id
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
_NEW = text(
    f"""SELECT {_COLUMNS} FROM gatekeeper.live_history h JOIN gatekeeper.prompt_versions v USING (project, digest)
        WHERE (h.project, h.environment, h.name, h.sequence) = (:project, :environment, :name, :sequence)"""
)
_SIGN = text(
    """INSERT INTO gatekeeper.live_signatures (project, environment, name, sequence, key_id, signature)
       VALUES (:project, :environment, :name, :sequence, :key_id, :signature)"""
)
_EXAMPLES = text(
    "SELECT digest, canonical FROM gatekeeper.examples WHERE project = :project AND digest = ANY (:digests)"
)


async def list_live(
    conn: AsyncConnection, project: str, environment: str, names: Sequence[str] | None = None
) -> list[PromptLive]:
    """What is live in an environment: all of it, or these names."""
    values = {"project": project, "environment": environment, "names": None if names is None else list(names)}
    rows = (await conn.execute(_LIVE, values)).mappings().all()
    contents = await _with_content(conn, rows)
    signatures = [Signature(key_id=row["key_id"], value=row["signature"]) for row in rows]
    return [event(content, signature) for content, signature in zip(contents, signatures, strict=True)]


async def publish_live(change: UnitOfWork, rows: Iterable[Mapping[Any, Any]]) -> None:
    """Signs and emits new rows of history, in the transaction that made them."""
    conn = change.tx.conn
    for row in rows:
        where = {key: row[key] for key in ("project", "environment", "name", "sequence")}
        [content] = await _with_content(conn, (await conn.execute(_NEW, where)).mappings().all())
        signature = change.signer.live(payload(content))
        await conn.execute(_SIGN, {**where, "key_id": signature.key_id, "signature": signature.value})
        said = event(content, signature)
        parts = (said.project, said.environment, said.name, str(said.sequence))
        await change.emit(said, derived_id("prompt.live", *parts))
        change.lives.append(said)


async def list_history(conn: AsyncConnection, project: str, environment: str, name: str) -> list[LiveVersion]:
    """All that was live under a name, in order."""
    found = await conn.execute(
        text(
            """SELECT digest, base_digest, reason FROM gatekeeper.live_history
               WHERE (project, environment, name) = (:project, :environment, :name) ORDER BY sequence"""
        ),
        {"project": project, "environment": environment, "name": name},
    )
    return [LiveVersion(row.digest, row.base_digest, row.reason) for row in found]


async def _with_content(conn: AsyncConnection, rows: Sequence[Mapping[Any, Any]]) -> list[LiveRow]:
    documents = [json.loads(row["canonical"]) for row in rows]
    slots = [_slots(document) for document in documents]
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


def _slots(document: Mapping[str, Any]) -> dict[str, str]:
    """The slots that hold an example set: name → its digest."""
    return {name: slot["set"] for name, slot in document["slots"].items() if slot["set"] is not None}


def _example(canonical: str) -> dict[str, str]:
    example = json.loads(canonical)
    return {"input": example["input"], "output": example["output"]}
