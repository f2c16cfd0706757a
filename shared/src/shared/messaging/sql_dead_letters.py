"""Dead letters on PostgreSQL: parking, the end of parking, and the lists that operators see."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.messaging.dead_letter_owner import Owner, parse_owner_claim
from shared.messaging.dead_letters import DeadLetter
from shared.messaging.redaction import without_secrets
from shared.runtime.database import reader

VISIBLE_LETTERS = """(project = :project AND (environment IS NULL OR environment = :environment)
                      OR project IS NULL AND CAST(:admin AS boolean))"""
"""SQL condition: the letters that a key of `:project` and `:environment`, with or without the scope `admin`, may see.

A letter whose project is unknown may be another project's: only admins see it, without its content.
"""

_COLUMNS = 'id, consumer, topic, partition, "offset", key, headers, payload, reason, detail, status, parked_at, project'


class DeadLetterStatements:
    """Writes dead letters in the caller's transaction; the SQL is that of one schema."""

    def __init__(self, schema: str) -> None:
        self._park = text(
            f"""INSERT INTO {schema}.dead_letters
                  (id, consumer, topic, partition, "offset", key, headers, payload, reason, detail, project,
                   environment)
                VALUES (:id, :consumer, :topic, :partition, :offset, :key, CAST(:headers AS jsonb), :payload,
                        :reason, :detail, :project, :environment)
                ON CONFLICT (id) DO NOTHING RETURNING id"""
        )
        self._unpark = text(
            f"""UPDATE {schema}.dead_letters SET status = :status, settled_at = now()
                WHERE id = :id AND status = 'parked' RETURNING id"""
        )
        self._key_owner = text(
            f"SELECT project, environment, secret_hash FROM {schema}.api_keys WHERE key_id = :key_id"
        )

    async def park(self, conn: AsyncConnection, letter: DeadLetter) -> bool:
        """Store `letter` without secrets; return False if it is stored already."""
        headers = [(name, without_secrets(value).decode("utf-8", "backslashreplace")) for name, value in letter.headers]
        owner = await self._owner(conn, letter)
        done = await conn.execute(
            self._park,
            {
                "id": letter.id,
                "consumer": letter.consumer,
                "topic": letter.topic,
                "partition": letter.partition,
                "offset": letter.offset,
                "key": None if letter.key is None else without_secrets(letter.key),
                "headers": json.dumps([(name, value.replace("\0", "\\0")) for name, value in headers]),
                "payload": without_secrets(letter.payload),
                "reason": letter.reason,
                "detail": letter.detail,
                "project": owner.project,
                "environment": owner.environment,
            },
        )
        return done.first() is not None

    async def unpark(self, conn: AsyncConnection, letter_id: UUID, status: str) -> bool:
        """Mark a parked letter as `replayed` or `discarded`; return False if it is not parked."""
        done = await conn.execute(self._unpark, {"id": letter_id, "status": status})
        return done.first() is not None

    async def _owner(self, conn: AsyncConnection, letter: DeadLetter) -> Owner:
        """Return the owner that the message names, or that of the API key that signed it; unknown if neither holds."""
        claim = parse_owner_claim(letter.topic, letter.key, letter.payload)
        if claim.key_id is None:
            return claim.owner
        row = (await conn.execute(self._key_owner, {"key_id": claim.key_id})).first()
        proven = row is not None and claim.is_proof(row.secret_hash)
        return Owner(row.project, row.environment) if row is not None and proven else Owner(None, None)


class DeadLetterRepository:
    """Reads one service's dead letters. `viewer` holds the parameters of `VISIBLE_LETTERS`."""

    def __init__(self, engine: AsyncEngine, schema: str) -> None:
        self._reader = reader(engine)
        self._get = text(
            f"SELECT {_COLUMNS} FROM {schema}.dead_letters WHERE id = :id AND status = 'parked' AND {VISIBLE_LETTERS}"
        )
        self._list = text(
            f"""SELECT {_COLUMNS} FROM {schema}.dead_letters
                WHERE status = :status AND {VISIBLE_LETTERS}
                  AND (CAST(:parked_at AS timestamptz) IS NULL OR (parked_at, id) < (:parked_at, CAST(:last AS uuid)))
                ORDER BY parked_at DESC, id DESC LIMIT :limit"""
        )

    async def list_letters(
        self, viewer: Mapping[str, object], status: str, after: tuple[datetime | None, UUID | None], limit: int
    ) -> Sequence[RowMapping]:
        """Return at most `limit` letters of `status`, newest first.

        `after`: `parked_at` and `id` of the last letter of the page before; None twice for the first page.
        """
        values = {"status": status, "parked_at": after[0], "last": after[1], "limit": limit, **viewer}
        async with self._reader.connect() as conn:
            return (await conn.execute(self._list, values)).mappings().all()

    async def get_parked(self, viewer: Mapping[str, object], letter_id: UUID) -> DeadLetter | None:
        """Return the parked letter with this id; None if there is none that the viewer may see."""
        async with self._reader.connect() as conn:
            row = (await conn.execute(self._get, {"id": letter_id, **viewer})).mappings().first()
        return None if row is None else _letter_of(row)


def _letter_of(row: Mapping[Any, Any]) -> DeadLetter:
    return DeadLetter(
        row["id"],
        row["consumer"],
        row["topic"],
        row["partition"],
        row["offset"],
        row["key"],
        tuple((name, value.encode()) for name, value in row["headers"]),
        row["payload"],
        row["reason"],
        row["detail"],
    )
