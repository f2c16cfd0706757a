"""Reservations in the database follow the rules of the domain, whatever annotators do, and when they do it."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from evaluator.annotation_queue_service import AnnotationQueueService, QueueChange
from evaluator.annotation_service import AnnotationService
from evaluator.domain.annotation_queues import QueueKey, ReservedTask, TaskContent
from evaluator.domain.rubric import RubricQuestion
from shared.messaging.erased_subjects import ErasedSubjects
from shared.messaging.sql_store import SqlStore
from shared.problems import Problem
from shared.testing.clock import FakeClock
from tests.support.messaging import NOW

KEY = QueueKey("acme", "production", "answers")
RUBRIC = (RubricQuestion("good", "thumb", "Is it good?", metric="thumb"),)
PEOPLE = ("ann", "bob", "cem", "dee", "eve")
MINUTES = 10


@dataclass
class Model:
    """What the queue has to be: seats of each task by person, and tokens that were ever given."""

    needed: int
    submitted: dict[UUID, dict[str, bool]] = field(default_factory=dict)
    skipped: set[tuple[UUID, str]] = field(default_factory=set)
    held: dict[str, ReservedTask] = field(default_factory=dict)
    given: list[tuple[str, ReservedTask]] = field(default_factory=list)

    def is_free(self, task_id: UUID, person: str, now: Any) -> bool:
        """Return whether a person may get a task."""
        seats = {*self.submitted[task_id]} | {
            name for name, task in self.held.items() if task.task_id == task_id and task.expires_at > now
        }
        return person not in seats and (task_id, person) not in self.skipped and len(seats) < self.needed


class AnnotationServices:
    """The services on a real database, with a clock that tests move."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine, self.clock = engine, FakeClock(NOW)
        store = SqlStore(engine, "evaluator")
        self.queues = AnnotationQueueService(store, self.clock, ErasedSubjects("evaluator"))
        self.annotations = AnnotationService(store, self.clock)

    async def fill(self, tasks: int, annotators: int) -> None:
        await self.queues.put(KEY, QueueChange("bot", RUBRIC, None, annotators, MINUTES), "ann")
        contents = [TaskContent(f"e-{n}", "question", f"answer {n}") for n in range(tasks)]
        await self.queues.add_tasks(KEY, contents, "ann")

    async def submit(self, person: str, task: ReservedTask, good: bool = True) -> str:
        """Return `accepted`, `repeated`, or the code of the problem."""
        try:
            found = await self.annotations.submit(KEY, task.task_id, task.token, {"good": good}, person)
        except Problem as problem:
            return problem.code
        return "repeated" if found.repeated else "accepted"

    async def skip(self, person: str, task: ReservedTask) -> str:
        try:
            await self.annotations.skip(KEY, task.task_id, task.token, person)
        except Problem as problem:
            return problem.code
        return "accepted"

    async def rows(self, sql: str) -> Sequence[Any]:
        async with self.engine.connect() as conn:
            return (await conn.execute(text(sql))).all()


@pytest.fixture
def services(engine: AsyncEngine) -> AnnotationServices:
    return AnnotationServices(engine)


@pytest.mark.parametrize("annotators", [1, 2])
async def test_people_at_the_same_time_never_get_a_task_beyond_its_number(
    services: AnnotationServices, annotators: int
) -> None:
    """Five people work through 12 tasks at once, each with two open pages."""
    await services.fill(12, annotators)
    done: list[tuple[UUID, str]] = []

    async def work(person: str) -> None:
        while (task := await services.annotations.reserve(KEY, person)) is not None:
            if await services.submit(person, task) == "accepted":
                done.append((task.task_id, person))

    await asyncio.gather(*(work(person) for person in PEOPLE for _ in range(2)))
    assert len(done) == len(set(done)) == 12 * annotators
    assert [row.state for row in await services.rows("SELECT state FROM evaluator.annotation_tasks")] == ["agreed"] * 12
    stored = await services.rows("SELECT count(*) AS n FROM evaluator.annotations WHERE state = 'submitted'")
    assert stored[0].n == 12 * annotators


async def test_the_same_submission_at_the_same_time_counts_once(services: AnnotationServices) -> None:
    await services.fill(1, 2)
    task = await services.annotations.reserve(KEY, "ann")
    assert task is not None
    found = await asyncio.gather(*(services.submit("ann", task) for _ in range(5)))
    assert sorted(found) == ["accepted", *["repeated"] * 4]


async def test_tasks_that_are_added_meanwhile_are_found_by_those_who_had_finished(services: AnnotationServices) -> None:
    await services.fill(1, 1)
    first = await services.annotations.reserve(KEY, "ann")
    assert first is not None
    await services.submit("ann", first)
    assert await services.annotations.reserve(KEY, "ann") is None
    contents = [[TaskContent(f"more-{n}", None, f"answer {n}")] for n in range(4)]
    await asyncio.gather(*(services.queues.add_tasks(KEY, each, "bob") for each in contents))
    for _ in range(4):
        task = await services.annotations.reserve(KEY, "ann")
        assert task is not None
        assert await services.submit("ann", task) == "accepted"
    assert await services.annotations.reserve(KEY, "ann") is None


@pytest.mark.parametrize("seed", range(6))
async def test_whatever_people_do_the_database_follows_the_model(services: AnnotationServices, seed: int) -> None:
    """Reserve, submit, submit again, skip, come too late, forget: always the next free task, and each answer once."""
    draw = random.Random(seed)
    model = Model(needed=1 + seed % 3)
    await services.fill(5, model.needed)
    rows = await services.rows("SELECT id FROM evaluator.annotation_tasks ORDER BY position")
    model.submitted = {row.id: {} for row in rows}
    for _ in range(80):
        await STEPS[draw.choices(range(len(STEPS)), (6, 3, 1, 2, 2))[0]](services, model, draw)
    stored = await services.rows("SELECT task_id, annotator FROM evaluator.annotations WHERE state = 'submitted'")
    expected = {(task_id, name) for task_id, given in model.submitted.items() for name in given}
    assert {(row.task_id, row.annotator) for row in stored} == expected
    for row in await services.rows("SELECT id, state, taken, needed FROM evaluator.annotation_tasks"):
        given = model.submitted[row.id]
        assert len(given) <= row.taken <= row.needed == model.needed
        ups = sum(given.values())
        agreed = "agreed" if 2 * max(ups, len(given) - ups) > len(given) else "disagreement"
        assert row.state == (agreed if len(given) == row.needed else "open")


async def _reserve(services: AnnotationServices, model: Model, draw: random.Random) -> None:
    person, now = draw.choice(PEOPLE), services.clock.now()
    before = model.held.get(person)
    free = {task_id for task_id in model.submitted if model.is_free(task_id, person, now)}
    task = await services.annotations.reserve(KEY, person)
    if before is not None and before.expires_at > now:
        assert task is not None
        assert (task.task_id, task.token) == (before.task_id, before.token)
    else:
        assert (task is None) == (not free)
        assert task is None or task.task_id in free
    if task is None:
        model.held.pop(person, None)
    else:
        assert task.expires_at == now + timedelta(minutes=MINUTES)
        model.held[person] = task
        model.given.append((person, task))


async def _submit(services: AnnotationServices, model: Model, draw: random.Random) -> None:
    if not model.held:
        return
    person, task = draw.choice(sorted(model.held.items()))
    good = draw.random() < 0.7
    outcome = await services.submit(person, task, good)
    del model.held[person]
    if task.expires_at > services.clock.now():
        assert outcome == "accepted"
        model.submitted[task.task_id][person] = good
    else:
        assert outcome == "reservation-ended"


async def _repeat(services: AnnotationServices, model: Model, draw: random.Random) -> None:
    """Send an answer with a token of the past, or with one that never was."""
    if not model.given:
        return
    person, task = draw.choice(model.given)
    current = model.held.get(person)
    if current is not None and current.token == task.token:
        return
    own = model.submitted[task.task_id].get(person)
    latest = [held for name, held in model.given if name == person and held.task_id == task.task_id][-1]
    outcome = await services.submit(person, task, True)
    if own is None or latest.token != task.token:
        assert outcome == "reservation-ended"
    else:
        assert outcome == ("repeated" if own else "annotation-exists")
    never = ReservedTask(task.task_id, uuid4(), task.content, task.reserved_at, task.expires_at)
    assert await services.submit(person, never) == "reservation-ended"


async def _skip(services: AnnotationServices, model: Model, draw: random.Random) -> None:
    if not model.held:
        return
    person, task = draw.choice(sorted(model.held.items()))
    outcome = await services.skip(person, task)
    del model.held[person]
    if task.expires_at > services.clock.now():
        assert outcome == "accepted"
        model.skipped.add((task.task_id, person))
    else:
        assert outcome == "reservation-ended"


async def _wait(services: AnnotationServices, model: Model, draw: random.Random) -> None:
    services.clock.advance(timedelta(minutes=draw.randint(1, 12)))


STEPS = (_reserve, _submit, _repeat, _skip, _wait)
