"""Runs all configured pulls side by side."""

import asyncio
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from collector.domain.erasure import Counts
from collector.domain.erasure_status import Erasure
from collector.domain.request_context import PseudonymKey
from collector.ingest.service import IngestService
from collector.pulls.cloudwatch_options import CloudWatchPull
from collector.pulls.configuration import PullFile, load_pulls
from collector.pulls.langfuse_source import LangfuseSource
from collector.pulls.pull_runner import PullRunner, RunningPull
from collector.pulls.pull_source import PullSource
from collector.pulls.raw_copy import erase_raw
from collector.pulls.regression_handler import RegressionScores
from collector.settings import CollectorSettings
from collector.storage.connections import DedicatedConnection
from collector.storage.pull_repository import PullRepository
from shared.errors import Retryable
from shared.messaging.store import Subscription
from shared.runtime.background import cancel_all, supervise
from shared.runtime.clock import Clock
from shared.runtime.database import engine
from shared.runtime.log import logger

_RETRY_S = 5.0
_SIDE_BY_SIDE = 2
"""Pulls that run at the same time; each needs a connection, apart from those of requests."""


class PullService:
    """The pulls of one instance. A failure of one pull does not touch the others."""

    def __init__(self, path: Path, settings: CollectorSettings, service: IngestService, clock: Clock) -> None:
        """Read the file of pulls. Raises InvalidPulls."""
        self._pulls = running_pulls(load_pulls(path))
        self._engine = engine(settings.model_copy(update={"database_pool": _SIDE_BY_SIDE}))
        self._turns = asyncio.Semaphore(_SIDE_BY_SIDE)
        self._service = service
        self._clock = clock

    async def run(self) -> None:
        """Run until cancelled."""
        tasks: list[asyncio.Task[None]] = []
        try:
            await self._forget_others()
            tasks += [supervise(f"pull {pull.identity.name}", self._runner(pull).run_for_ever) for pull in self._pulls]
            await asyncio.gather(*tasks)
        finally:
            await cancel_all(tasks)
            await self._engine.dispose()

    def subscriptions(self) -> tuple[Subscription, ...]:
        """Return the subscription to regressions, if a pull writes them to its source."""
        writing = [pull.identity for pull in self._pulls if pull.write_scores]
        return (RegressionScores(writing, self._clock).subscription(),) if writing else ()

    async def erase_raw_copies(self, erasure: Erasure) -> Counts:
        """Erase a user from the raw copies of the pulls into their project. Raises OSError."""
        key = await self._service.pseudonym_key()
        erased = 0
        for pull in self._pulls:
            if pull.raw_folder is not None and pull.identity.project == erasure.project:
                theirs = partial(_has_pseudonym, key, erasure)
                erased += await asyncio.to_thread(erase_raw, pull.raw_folder, pull.identity.name, theirs)
        return {"raw_copies": erased}

    def _runner(self, pull: RunningPull) -> PullRunner:
        return PullRunner(pull, DedicatedConnection(self._engine), self._service, self._clock, self._turns)

    async def _forget_others(self) -> None:
        """Delete the state of pulls that are no longer configured."""
        connection = DedicatedConnection(self._engine)
        try:
            while True:
                try:
                    async with connection.session() as pg:
                        await PullRepository(pg).keep_only([pull.identity.name for pull in self._pulls])
                    return
                except Retryable as error:
                    logger(__name__).warning("pulls wait for the database", error=str(error))
                    await asyncio.sleep(_RETRY_S)
        finally:
            await connection.close()


def _has_pseudonym(key: PseudonymKey, erasure: Erasure, user: str) -> bool:
    return key.pseudonym(erasure.project, user) == erasure.subject


def running_pulls(file: PullFile) -> Sequence[RunningPull]:
    """Return what to run."""
    langfuse = (
        RunningPull(pull.identity, pull, partial(LangfuseSource, pull), pull.raw_folder, pull.write_scores)
        for pull in file.langfuse
    )
    return [*langfuse, *(RunningPull(pull.identity, pull, partial(_open_logs, pull)) for pull in file.cloudwatch)]


def _open_logs(pull: CloudWatchPull) -> PullSource:
    from collector.pulls.cloudwatch_source import CloudWatchSource  # boto3 may not be installed

    return CloudWatchSource(pull)
