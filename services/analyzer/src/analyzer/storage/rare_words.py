"""Deletes words that few users wrote: those of one user cannot be told apart, so all rare ones of a project go."""

import json
from uuid import uuid4

from pydantic_core import from_json
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from analyzer.domain.attribution.losing_terms import PEOPLE
from analyzer.domain.dimension_history import DimensionHistory
from analyzer.storage.repository import LOCK_TARGETS
from analyzer.storage.state_rows import states_of

_TARGETS = text(
    """SELECT DISTINCT project, environment, target FROM analyzer.dimension_histories
       WHERE project = :project ORDER BY environment, target"""
)
_HISTORIES = text(
    """SELECT dimension_id, project, environment, target, metric, generation, CAST(state AS text) AS state,
              CAST(mirrored AS text) AS mirrored
       FROM analyzer.dimension_histories
       WHERE project = :project AND environment = :environment AND target = :target"""
)
# With another mark, every instance reads the state again instead of using the one in its memory.
_SAVE = text(
    """UPDATE analyzer.dimension_histories
       SET state = CAST(:state AS json), mirrored = CAST(:mirrored AS json), saved = :saved
       WHERE dimension_id = :dimension_id"""
)
_UNCOUNTED = text("DELETE FROM analyzer.uncounted WHERE project = :project AND word <> '' AND n < :people")


class RareWordRepository:
    """Words of users, in the transaction of `conn`."""

    def __init__(self, conn: AsyncConnection) -> None:
        self._conn = conn

    async def delete_input_words(self, project: str) -> int:
        """Delete the words of inputs that fewer than `PEOPLE` users wrote; return their number. Locks all targets."""
        targets = (await self._conn.execute(_TARGETS, {"project": project})).all()
        await self._conn.execute(LOCK_TARGETS, {"names": sorted(json.dumps([*target]) for target in targets)})
        deleted = 0
        for target in targets:
            for row in (await self._conn.execute(_HISTORIES, dict(target._mapping))).all():
                states = {"state": row.state, "mirrored": row.mirrored}
                rare = 0
                for dimension, state in states_of(row):
                    history = DimensionHistory.load(dimension, from_json(state))
                    rare += history.terms.forget_rare()
                    states["mirrored" if dimension.mirrored else "state"] = history.dump()
                if rare:
                    await self._conn.execute(_SAVE, {**states, "saved": uuid4(), "dimension_id": row.dimension_id})
                deleted += rare
        return deleted

    async def delete_labels(self, project: str) -> int:
        """Delete labels of unknown meaning that were given fewer than `PEOPLE` times; return their number."""
        return (await self._conn.execute(_UNCOUNTED, {"project": project, "people": PEOPLE})).rowcount
