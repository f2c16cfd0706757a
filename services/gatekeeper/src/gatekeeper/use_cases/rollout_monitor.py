"""Assess open rollouts periodically, and advance, pause or roll back by their plans."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncEngine

from gatekeeper.domain.errors import BoundaryError
from gatekeeper.storage.rollouts import RolloutRepository
from gatekeeper.use_cases.rollouts import apply_assessment
from gatekeeper.use_cases.unit_of_work import UnitOfWorkFactory
from shared.events.promotion import PromptLive
from shared.runtime.background import run_every

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RolloutMonitor:
    """Advances, pauses and rolls back by the approved plans. Several instances may do so: one change is made once.

    `notify` is called with live versions after the commit.
    """

    reader: AsyncEngine
    units: UnitOfWorkFactory
    notify: Callable[[Sequence[PromptLive]], None]

    async def run(self, seconds: float) -> None:
        """Assess all open rollouts every `seconds`, until cancelled."""
        await run_every(seconds, self.assess_all)

    async def assess_all(self) -> None:
        """Assess each open rollout once, in a transaction of its own."""
        async with self.reader.connect() as conn:
            found = await RolloutRepository(conn).list_open()
        for rollout in found:
            try:
                async with self.units.begin() as unit:
                    promoted = await apply_assessment(unit, rollout)
            except BoundaryError as error:  # it was changed or halted meanwhile: the next round sees that
                log.info("rollout not changed", extra={"rollout": str(rollout.id), "code": error.code})
            else:
                self.notify(promoted)
