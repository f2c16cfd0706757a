"""SQL of the sums over the calls of a prompt."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from collector.domain.prompt_calls import CallSums

_SUMS = ("calls", "outcomes", "successes", "token_calls", "tokens", "timed_calls", "latency_ms")

ADD_CALLS = f"""
INSERT INTO collector.prompt_calls AS c (project, environment, name, identity, {", ".join(_SUMS)}, first_at, last_at,
                                         received_at)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[],
                     $8::bigint[], $9::bigint[], $10::bigint[], $11::float8[], $12::timestamptz[], $13::timestamptz[],
                     $14::timestamptz[])
ON CONFLICT (project, environment, name, identity) DO UPDATE
SET {", ".join(f"{column} = c.{column} + excluded.{column}" for column in _SUMS)},
    first_at = LEAST(c.first_at, excluded.first_at), last_at = GREATEST(c.last_at, excluded.last_at),
    received_at = GREATEST(c.received_at, excluded.received_at)"""

_LIST = text(
    """SELECT * FROM collector.prompt_calls WHERE project = :project AND environment = :environment AND name = :name
       ORDER BY last_at DESC, identity LIMIT :most"""
)
_TOTAL = text(
    f"""SELECT min(first_at) AS first_at, max(last_at) AS last_at, count(*) AS versions,
               {", ".join(f"coalesce(sum({column}), 0) AS {column}" for column in _SUMS)}
        FROM collector.prompt_calls
        WHERE project = :project AND environment = :environment AND name = :name"""
)
_KNOWN = text(
    """SELECT EXISTS (SELECT FROM collector.served
                      WHERE project = :project AND environment = :environment AND name = :name)
           OR EXISTS (SELECT FROM collector.observed
                      WHERE project = :project AND environment = :environment AND name = :name)"""
)
MOST_VERSIONS = 100


@dataclass(frozen=True, slots=True)
class VersionSums:
    """The sums of one version, and the times of its first and last call."""

    identity: str
    sums: CallSums
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class PromptCalls:
    """The sums of a prompt over all its versions, and those of the versions that were called last."""

    total: CallSums
    first_at: datetime | None
    last_at: datetime | None
    versions: int
    latest: tuple[VersionSums, ...]


class PromptCallsReader:
    """Reads with the connections of the HTTP routes."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def get_calls(self, project: str, environment: str, name: str) -> PromptCalls | None:
        """Return the calls of a prompt; None if it was neither called nor seen nor served."""
        prompt = {"project": project, "environment": environment, "name": name}
        async with self._engine.connect() as conn:
            total = (await conn.execute(_TOTAL, prompt)).one()
            if not total.versions and not (await conn.execute(_KNOWN, prompt)).scalar_one():
                return None
            rows = await conn.execute(_LIST, {**prompt, "most": MOST_VERSIONS})
            latest = tuple(VersionSums(row.identity, _sums(row), row.first_at, row.last_at) for row in rows)
        return PromptCalls(_sums(total), total.first_at, total.last_at, total.versions, latest)


def _sums(row: Any) -> CallSums:
    return CallSums(
        int(row.calls), int(row.outcomes), int(row.successes), int(row.token_calls), int(row.tokens),
        int(row.timed_calls), row.latency_ms,
    )  # fmt: skip
