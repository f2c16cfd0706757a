"""Leases of tasks: whatever workers do, and whenever leases expire, a task has one answer at the end."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from evaluator.domain.task_answers import StoredAnswer, exhausted_answer, to_app_answer
from evaluator.domain.task_leases import (
    LEASE,
    MAX_ATTEMPTS,
    TaskState,
    begin_lease,
    holds_lease,
    judge_answer,
)
from tests.support.task_lease_model import can_lease, is_exhausted

START = datetime(2026, 11, 30, tzinfo=UTC)
TASKS = 3


@dataclass
class Row:
    """A task as a table would hold it. `answers`: how often an answer was stored."""

    state: TaskState = field(default_factory=TaskState)
    answer: StoredAnswer | None = None
    answers: int = 0


class LeaseMachine(RuleBasedStateMachine):
    """Workers that lease, extend, answer, repeat and disappear; each remembers the tokens that it ever had."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.rows = [Row() for _ in range(TASKS)]
        self.tokens: list[tuple[int, UUID]] = []
        self.accepted: dict[int, UUID] = {}

    @rule(seconds=st.integers(1, 45))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule(task=st.integers(0, TASKS - 1))
    def lease(self, task: int) -> None:
        row = self.rows[task]
        if can_lease(row.state, self.now):
            token = uuid4()
            row.state = begin_lease(row.state, token, self.now)
            self.tokens.append((task, token))

    @rule(data=st.data())
    def heartbeat(self, data: st.DataObject) -> None:
        task, token = self._any_token(data)
        row = self.rows[task]
        if holds_lease(row.state, token):
            row.state = replace(row.state, expires_at=self.now + LEASE)

    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        task, token = self._any_token(data)
        row = self.rows[task]
        outcome = judge_answer(row.state, token)
        if outcome == "accepted":
            row.state = replace(row.state, answered=True)
            row.answer, row.answers = StoredAnswer(str(token)), row.answers + 1
            self.accepted[task] = token
        elif outcome == "repeated":
            assert self.accepted[task] == token
        else:
            assert self.accepted.get(task) != token

    @rule()
    def sweep(self) -> None:
        for row in self.rows:
            if is_exhausted(row.state, self.now):
                row.state = replace(row.state, answered=True, token=None, expires_at=None)
                row.answer, row.answers = exhausted_answer(), row.answers + 1

    @invariant()
    def a_task_is_answered_at_most_once(self) -> None:
        assert all(row.answers == row.state.answered for row in self.rows)

    @invariant()
    def only_the_latest_token_is_valid(self) -> None:
        for task, row in enumerate(self.rows):
            valid = [token for at, token in self.tokens if at == task and judge_answer(row.state, token) == "accepted"]
            assert len(valid) <= 1
            assert row.state.attempts <= MAX_ATTEMPTS

    def teardown(self) -> None:
        """Let all workers disappear: time alone ends every task."""
        for _ in range(MAX_ATTEMPTS + 1):
            for task in range(TASKS):
                self.lease(task)
            self.now += LEASE
            self.sweep()
        assert all(row.answers == 1 for row in self.rows)

    def _any_token(self, data: st.DataObject) -> tuple[int, UUID]:
        return data.draw(st.sampled_from(self.tokens)) if self.tokens else (0, uuid4())


LeaseMachine.TestCase.settings = settings(stateful_step_count=40)
TestLeases = LeaseMachine.TestCase


def test_the_lease_of_a_task_that_is_not_needed_is_lost() -> None:
    token = uuid4()
    ended = replace(begin_lease(TaskState(), token, START), wanted=False)
    assert judge_answer(ended, token) == "lost"
    assert not holds_lease(ended, token)
    assert not can_lease(replace(ended, expires_at=None), START)
    assert judge_answer(replace(ended, answered=True), token) == "repeated"


def test_what_the_app_returned_becomes_an_answer() -> None:
    def answer(**fields: Any) -> Any:
        return to_app_answer(StoredAnswer(**fields).to_json())

    assert answer(returned="yes", ms=12.5).output == "yes"
    assert answer(returned={"output": "yes", "cost": 0.1}, ms=1.0).cost == 0.1
    assert answer(returned=None).failure is None
    assert answer(failure=("timeout", "late"), ms=3.0).failure.kind == "timeout"
    invalid = answer(returned={"output": "yes", "price": 1})
    assert (invalid.failure.kind, invalid.output) == ("invalid", None)
    assert invalid.failure.message.startswith("the returned value: price: is not a field")
    exhausted = to_app_answer(exhausted_answer().to_json()).failure
    assert exhausted is not None
    assert exhausted.message == "no worker finished it in 3 attempts"
