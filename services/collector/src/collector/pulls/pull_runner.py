"""One run of a pull: read slice by slice, ingest what is new, and store the position."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from collector.domain.ingestion import ItemResult
from collector.domain.model import key_hash
from collector.domain.pulls.pull_state import ErrorCode, PullCounts, PullIdentity
from collector.domain.pulls.pull_window import PullSchedule, Slice
from collector.domain.pulls.pulled_item import PulledItem
from collector.ingest.group_commit import QueueFull
from collector.ingest.service import IngestService
from collector.pulls.pull_options import PullOptions
from collector.pulls.pull_source import PullSource, ScoreTarget, SliceTooLarge, SourceError
from collector.pulls.raw_copy import append_raw
from collector.pulls.worker_thread import run_in_thread
from collector.storage.connections import DedicatedConnection
from collector.storage.pull_repository import PullRepository
from collector.storage.pull_score_repository import PullScoreRepository
from shared.auth.principal import Principal
from shared.errors import Retryable
from shared.events.base import subject_key
from shared.problems import Problem
from shared.runtime.clock import Clock
from shared.runtime.failure_classification import FailureClass, classify
from shared.runtime.log import logger

LAG = timedelta(minutes=10)
"""Traces are shown, with all their parts, some minutes after they happened."""
_SCORES = 100
_BUSY_TRIES = 30
_BUSY_WAIT_S = 1.0


@dataclass(frozen=True, slots=True)
class RunningPull:
    """A configured pull. `open_source` is called at the start of each run."""

    identity: PullIdentity
    options: PullOptions
    open_source: Callable[[], PullSource]
    raw_folder: Path | None = None
    write_scores: bool = False

    @property
    def schedule(self) -> PullSchedule:
        options = self.options
        return PullSchedule(timedelta(hours=options.window_hours), timedelta(minutes=options.overlap_minutes), LAG)


class PullRunner:
    """Runs one pull. Of several instances, the one that holds the lock reads."""

    def __init__(
        self,
        pull: RunningPull,
        connection: DedicatedConnection,
        service: IngestService,
        clock: Clock,
        turns: asyncio.Semaphore | None = None,
    ) -> None:
        """`turns` limits how many pulls run at the same time."""
        self._pull = pull
        self._name = pull.identity.name
        self._connection = connection
        self._service = service
        self._clock = clock
        self._turns = turns or asyncio.Semaphore(1)

    async def run_for_ever(self) -> None:
        """Run now, and then every `interval_s` seconds, until cancelled."""
        while True:
            async with self._turns:
                await self.run()
            await asyncio.sleep(self._pull.options.interval_s)

    async def run(self) -> bool:
        """Read what is new; return whether everything was read. Errors are stored and logged, not raised."""
        try:
            async with self._connection.session() as pg:
                states = PullRepository(pg)
                if not await states.try_lock(self._name):
                    return False
                try:
                    return await self._run_locked(states)
                finally:
                    with suppress(Exception):
                        await states.unlock(self._name)
        except Retryable as error:
            logger(__name__).warning("a pull waits for the database", pull=self._name, error=str(error))
            return False
        finally:
            await self._connection.close()

    async def _run_locked(self, states: PullRepository) -> bool:
        await states.register(self._pull.identity, self._pull.options.interval_s)
        position = await states.start(self._name, self._clock.now())
        try:
            source = await run_in_thread(self._pull.open_source, f"pull {self._name}")
            try:
                for part in self._pull.schedule.slices(position, self._clock.now()):
                    await self._pull_slice(states, source, part)
                if self._pull.write_scores and isinstance(source, ScoreTarget):
                    await self._write_scores(PullScoreRepository(states.connection), source)
            finally:
                source.close()
        except Exception as error:
            if not isinstance(error, SourceError) and classify(error) is FailureClass.RETRYABLE:
                raise  # the database: there is nowhere to store it
            await self._note_failure(states, error)
            return False
        await states.succeed(self._name, self._clock.now())
        return True

    async def _pull_slice(self, states: PullRepository, source: PullSource, part: Slice) -> None:
        """Pull a slice, or its halves where it is too large."""
        now = self._clock.now()
        try:
            groups = iter(source.read(part))
            while (group := await run_in_thread(partial(_next, groups), f"pull {self._name}")) is not None:
                await self._ingest(states, group)
        except SliceTooLarge:
            halves = part.halves()
            if halves is None:
                raise SourceError(
                    "invalid-answer", f"a minute from {part.start:%Y-%m-%d %H:%M} has too many items"
                ) from None
            for half in halves:
                await self._pull_slice(states, source, half)
            return
        await states.save_progress(self._name, self._pull.schedule.position_after(part, now), part.end)

    async def _write_scores(self, scores: PullScoreRepository, source: ScoreTarget) -> None:
        """Write the waiting scores to the source. A repeat after a crash replaces the score of the same id."""
        while waiting := await scores.list_waiting(self._name, _SCORES):
            for score in waiting:
                written = await run_in_thread(partial(source.write_score, score.body), f"pull {self._name}")
                await scores.finish(self._name, score, written)

    async def _ingest(self, states: PullRepository, group: Sequence[PulledItem]) -> None:
        """Write the items that are new or changed, and then store that they are taken."""
        items = await self._new_items(states, group)
        if not items:
            return
        if self._pull.raw_folder is not None:
            await self._copy(self._pull.raw_folder, items)
        readable = [item for item in items if item.unreadable is None]
        results = await self._write(readable) if readable else []
        counts = count_results(readable, results)
        count_unreadable(items, counts)
        await states.save_items(self._name, items, counts)

    async def _copy(self, folder: Path, items: Sequence[PulledItem]) -> None:
        try:
            await run_in_thread(partial(append_raw, folder, self._name, items), "raw copy")
        except OSError as error:
            reason = f"the raw copy can't be written: {error.strerror}: {error.filename}"
            raise SourceError("raw-copy", reason) from error

    async def _new_items(self, states: PullRepository, group: Sequence[PulledItem]) -> list[PulledItem]:
        """Return the items that were not taken yet, without feedback that is left out: its execution is not stored."""
        unique = {item.key: item for item in group}
        taken = await states.list_taken(self._name, list(unique))
        fresh = [item for item in unique.values() if taken.get(item.key) != item.content]
        about = {item.key: self._reference(item) for item in fresh if item.needs_execution}
        stored = await states.list_stored_executions(list(set(about.values()))) if about else set()
        erased = await self._erased(states, fresh)
        known = (item for item in fresh if not item.needs_execution or about[item.key] in stored)
        return [item for item in known if item.body.get("user") not in erased]

    async def _erased(self, states: PullRepository, items: Sequence[PulledItem]) -> set[str]:
        """Return the users (by the source's ids) that were erased: nothing of theirs may get into the raw copy."""
        project, key = self._pull.identity.project, await self._service.pseudonym_key()
        users = {user for item in items if (user := item.body.get("user")) is not None}
        keys = {subject_key(project, key.pseudonym(project, user)): user for user in users}
        return {keys[erased] for erased in await states.list_erased(list(keys))}

    def _reference(self, item: PulledItem) -> bytes:
        identity = self._pull.identity
        return key_hash(identity.project, identity.environment, "execution", item.body["execution_id"])

    async def _write(self, items: Sequence[PulledItem]) -> list[ItemResult]:
        """Ingest items like posted ones; while the database is busy, again. Raises SourceError."""
        identity = self._pull.identity
        scopes = frozenset({"ingest"})
        name = f"pull:{self._name}"
        principal = Principal(name, name, "service", identity.project, identity.environment, scopes)
        context = await self._service.request_context(principal, None, None)
        for _ in range(_BUSY_TRIES):
            try:
                return await self._service.ingest_bodies(items, context)
            except QueueFull:
                pass
            except Problem as problem:
                if problem.status < 500:
                    raise
            await asyncio.sleep(_BUSY_WAIT_S)
        raise SourceError("collector-busy", "the database of Ratchet accepts no items")

    async def _note_failure(self, states: PullRepository, error: Exception) -> None:
        code: ErrorCode = "internal"
        reason = f"internal error ({type(error).__name__}); the collector's log has the details"
        if isinstance(error, SourceError):
            code, reason = error.code, str(error)
            logger(__name__).warning("a pull failed", pull=self._name, code=code, error=reason)
        else:
            logger(__name__).exception("a pull failed", pull=self._name)
        await states.fail(self._name, self._clock.now(), code, reason[:500])


def count_results(items: Sequence[PulledItem], results: Sequence[ItemResult]) -> PullCounts:
    """Return the counts of written items. A duplicate was written by a run that ended before it was counted."""
    counts = PullCounts()
    for item, result in zip(items, results, strict=True):
        outcome = result.outcome
        if isinstance(outcome, Problem):
            if outcome.code == "id-conflict":
                counts.changed += 1
            else:
                counts.refused += 1
                counts.refusal = f"{outcome.title}: {outcome.detail}"[:500] if outcome.detail else outcome.title
            continue
        counts.executions += item.route == "executions"
        counts.feedback += item.route == "feedback"
        counts.low_reward += "low_reward" in item.flags
        counts.negative_feedback += "negative_feedback" in item.flags
    return counts


def count_unreadable(items: Sequence[PulledItem], counts: PullCounts) -> None:
    """Add the items that could not be read to the refused ones."""
    for item in items:
        if item.unreadable is not None:
            counts.refused += 1
            counts.refusal = item.unreadable[:500]


def _next(groups: Iterator[Any]) -> Any:
    return next(groups, None)
