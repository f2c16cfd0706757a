"""State of pulls in PostgreSQL, on one connection that holds the pull's lock."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from collector.domain.pulls.pull_state import ErrorCode, FlagSearch, PullCounts, PullIdentity, PullState
from collector.domain.pulls.pulled_item import PulledItem
from collector.storage.queries import LIST_ERASED

_LOCK = "SELECT pg_try_advisory_lock(hashtextextended($1, 31))"
_UNLOCK = "SELECT pg_advisory_unlock(hashtextextended($1, 31))"
_REGISTER = """
    INSERT INTO collector.pulls (name, kind, project, environment, target, interval_s, flag_searches)
    VALUES ($1, $2, $3, $4, $5, $6, $7::text::jsonb)
    ON CONFLICT (name) DO UPDATE SET target = $5, interval_s = $6, flag_searches = $7::text::jsonb"""
_DELETE_MOVED = """
    DELETE FROM collector.pulls WHERE name = $1 AND (kind, project, environment) <> ($2, $3, $4) RETURNING name"""
_DELETE_UNCONFIGURED = "DELETE FROM collector.pulls WHERE name <> ALL($1::text[]) RETURNING name"
_START = "UPDATE collector.pulls SET started_at = $2 WHERE name = $1 RETURNING position"
_PROGRESS = """
    UPDATE collector.pulls SET position = $2, read_until = $3 WHERE name = $1"""
_COUNT = """
    UPDATE collector.pulls SET executions = executions + $2, feedback = feedback + $3, refused = refused + $4,
      changed = changed + $5, low_reward = low_reward + $6, negative_feedback = negative_feedback + $7,
      refusal = coalesce($8, refusal)
    WHERE name = $1"""
_SUCCEED = (
    "UPDATE collector.pulls SET succeeded_at = $2, failed_at = NULL, error_code = NULL, error = NULL WHERE name = $1"
)
_FAIL = "UPDATE collector.pulls SET failed_at = $2, error_code = $3, error = $4 WHERE name = $1"
_KNOWN = "SELECT item, content FROM collector.pull_items WHERE pull = $1 AND item = ANY($2::bytea[])"
_SAVE_ITEMS = """
    INSERT INTO collector.pull_items (pull, item, content, at)
    SELECT $1, * FROM unnest($2::bytea[], $3::bytea[], $4::timestamptz[])
    ON CONFLICT (pull, item) DO UPDATE SET content = excluded.content"""
_DELETE_ITEMS = "DELETE FROM collector.pull_items WHERE pull = ANY($1::text[])"
_DELETE_SCORES = "DELETE FROM collector.pull_scores WHERE pull = ANY($1::text[])"
_FORGET_ITEMS = "DELETE FROM collector.pull_items WHERE pull = $1 AND at < $2"
_STORED = "SELECT reference FROM collector.executions WHERE reference = ANY($1::bytea[])"
_COLUMNS = (
    "name, kind, project, environment, target, interval_s, position, read_until, started_at, succeeded_at, failed_at,"
    " error_code, error, flag_searches::text, scores_written, scores_refused,"
    " executions, feedback, refused, changed, low_reward, negative_feedback, refusal"
)
LIST_PULLS = (
    f"SELECT {_COLUMNS} FROM collector.pulls WHERE project = :project AND environment = :environment ORDER BY name"
)


class PullRepository:
    """The state of pulls, on an asyncpg connection. Each method commits, unless the caller began a transaction."""

    def __init__(self, pg: Any) -> None:
        self.connection = self._pg = pg

    async def try_lock(self, name: str) -> bool:
        """Lock a pull until `unlock` or the end of the connection; return whether no other instance holds it."""
        return bool(await self._pg.fetchval(_LOCK, f"ratchet pull {name}"))

    async def unlock(self, name: str) -> None:
        """Release the lock."""
        await self._pg.execute(_UNLOCK, f"ratchet pull {name}")

    async def register(self, pull: PullIdentity, interval_s: float) -> None:
        """Store what is configured. A pull that was moved to another project begins again."""
        searches = json.dumps([[search.flag, search.metric, search.max] for search in pull.flag_searches])
        columns = (pull.name, pull.kind, pull.project, pull.environment)
        async with self._pg.transaction():
            await self._delete(_DELETE_MOVED, *columns)
            await self._pg.execute(_REGISTER, *columns, pull.target, interval_s, searches)

    async def keep_only(self, names: Sequence[str]) -> None:
        """Delete the state of pulls with other names."""
        async with self._pg.transaction():
            await self._delete(_DELETE_UNCONFIGURED, names)

    async def _delete(self, statement: str, *parameters: object) -> None:
        names = [row[0] for row in await self._pg.fetch(statement, *parameters)]
        await self._pg.execute(_DELETE_ITEMS, names)
        await self._pg.execute(_DELETE_SCORES, names)

    async def start(self, name: str, now: datetime) -> datetime | None:
        """Note that a run began; return the position."""
        position: datetime | None = await self._pg.fetchval(_START, name, now)
        return position

    async def save_progress(self, name: str, position: datetime, read_until: datetime) -> None:
        """Store the position, and forget items that are not read again."""
        async with self._pg.transaction():
            await self._pg.execute(_PROGRESS, name, position, read_until)
            await self._pg.execute(_FORGET_ITEMS, name, position)

    async def save_items(self, name: str, items: Sequence[PulledItem], counts: PullCounts) -> None:
        """Store items that were written, and add to the counts."""
        async with self._pg.transaction():
            await self._pg.execute(
                _SAVE_ITEMS, name, [it.key for it in items], [it.content for it in items], [it.at for it in items]
            )
            await self._pg.execute(
                _COUNT, name, counts.executions, counts.feedback, counts.refused, counts.changed, counts.low_reward,
                counts.negative_feedback, counts.refusal,
            )  # fmt: skip

    async def succeed(self, name: str, now: datetime) -> None:
        """Note that a run read everything, and clear the error."""
        await self._pg.execute(_SUCCEED, name, now)

    async def fail(self, name: str, now: datetime, code: ErrorCode, reason: str) -> None:
        """Note why a run ended early."""
        await self._pg.execute(_FAIL, name, now, code, reason)

    async def list_taken(self, name: str, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """Return the content hashes of items that were taken before, by key."""
        return dict(await self._pg.fetch(_KNOWN, name, keys))

    async def list_erased(self, keys: Sequence[str]) -> set[str]:
        """Return the keys of those users that were erased."""
        return {row[0] for row in await self._pg.fetch(LIST_ERASED, keys)}

    async def list_stored_executions(self, references: Sequence[bytes]) -> set[bytes]:
        """Return the references of executions that are stored."""
        return {row[0] for row in await self._pg.fetch(_STORED, references)}


def to_state(row: Any) -> PullState:
    """Return the state in a row of `LIST_PULLS`."""
    (name, kind, project, environment, target, interval_s, position, read_until, started, succeeded, failed, code,
     error, searches, written, refused, *counts) = row  # fmt: skip
    found = tuple(FlagSearch(*search) for search in json.loads(searches))
    return PullState(
        PullIdentity(name, kind, project, environment, target, found), interval_s, position, read_until, started,
        succeeded, failed, code, error, written, refused, PullCounts(*counts),
    )  # fmt: skip
