"""Tombstones: the users that were erased, so that late and repeated events about them are dropped.

Whoever stores something about users reads the tombstones in the same transaction (or statement). Adding one takes the
table's strongest lock: it waits for all transactions that read it before, and holds up all later ones until its commit.
So after that commit nothing can be stored any more that did not see the tombstone, and what was stored is visible.
"""

from collections.abc import Callable, Collection, Sequence
from typing import TypeVar
from uuid import UUID

from prometheus_client import CollectorRegistry, Counter
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.events.base import subject_key

Event = TypeVar("Event")


class ErasedSubjects:
    """The tombstones of one schema. A subject is the keyed hash of a user's id."""

    def __init__(self, schema: str, registry: CollectorRegistry | None = None) -> None:
        """Dropped events are counted in `registry` as `ratchet_erased_subject_events`."""
        self._lock = text(f"LOCK TABLE {schema}.erased_subjects IN ACCESS EXCLUSIVE MODE")
        self._add = text(
            f"INSERT INTO {schema}.erased_subjects (key, erasure_id) VALUES (:key, :id) ON CONFLICT DO NOTHING"
        )
        self._is_empty = text(f"SELECT NOT EXISTS (SELECT FROM {schema}.erased_subjects)")
        self._find = text(f"SELECT key FROM {schema}.erased_subjects WHERE key = ANY(CAST(:keys AS text[]))")
        self._dropped = Counter(
            "ratchet_erased_subject_events",
            "Events about erased users that were dropped",
            registry=registry or CollectorRegistry(),
        )

    async def add(self, conn: AsyncConnection, project: str, subject: str, erasure_id: UUID) -> None:
        """Add a tombstone. Call it first in a transaction; it waits for those that read the tombstones before."""
        await conn.execute(self._lock)
        await conn.execute(self._add, {"key": subject_key(project, subject), "id": erasure_id})

    async def find_erased(self, conn: AsyncConnection, keys: Collection[str]) -> set[str]:
        """Return those of the users that were erased; none can be erased until the transaction ends.

        `keys`: see `shared.events.base.subject_key`.
        """
        if not keys or await conn.scalar(self._is_empty):
            return set()
        return set((await conn.execute(self._find, {"keys": list(keys)})).scalars())

    async def drop_erased(
        self, conn: AsyncConnection, events: Sequence[Event], users_of: Callable[[Event], Collection[str]]
    ) -> list[Event]:
        """Return the events without those about erased users, which are counted as dropped."""
        users = [users_of(event) for event in events]
        erased = await self.find_erased(conn, {key for keys in users for key in keys})
        kept = [event for event, keys in zip(events, users, strict=True) if erased.isdisjoint(keys)]
        self.count_dropped(len(events) - len(kept))
        return kept

    def count_dropped(self, events: int) -> None:
        """Count events that were dropped."""
        self._dropped.inc(events)
