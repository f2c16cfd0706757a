"""The demo, run through the analyzer's engine and the proposer's drafting with many seeds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from analyzer.domain.engine import QualityEngine, RegressionEvent
from analyzer.domain.model import Reading
from analyzer.handlers import readings
from proposer.domain.fix_drafts import Draft, draft_fix
from ratchet.client.prompts import choose_served, default_prompt
from ratchet.prompt import Message, Prompt
from ratchet_demo.bot import PROMPT, Fleet
from ratchet_demo.script import ADDED, ANSWERS_BEFORE_EDIT, DROPPED, TARGET
from ratchet_demo.story import Story, ensure_prompt
from shared.events import derived_id
from shared.events.feedback import ExecutionFacts, ExecutionRecorded, FeedbackCreated, PromptUse
from shared.events.quality import RegressionDetected, RegressionResolved
from tests.support.quality import START
from tests.support.soak import scaled

SEEDS = range(2, scaled(5, 12))
_A_SECOND = 20


@dataclass
class WatchedTerm:
    """Replaces the SDK's client: passes feedback to an engine and serves `live`, or the default."""

    engine: QualityEngine = field(default_factory=QualityEngine)
    live: Prompt | None = None
    documents: dict[str, Prompt] = field(default_factory=dict)
    turns: list[tuple[int, RegressionEvent]] = field(default_factory=list)
    executions: dict[str, ExecutionFacts] = field(default_factory=dict)

    def prompt(self, name: str, default: Path, target: str, user: str | None = None) -> Any:
        own = default_prompt(default)
        self.documents[own.digest] = own
        return choose_served(name, None, self.live or own, target)

    def record(self, *, prompts: list[Any], **given: Any) -> str:
        number = len(self.executions)
        at = START + timedelta(seconds=number / _A_SECOND)
        attributes: Mapping[str, str] = given["attributes"]
        facts = ExecutionFacts(
            execution_id=f"e{number}",
            prompts=(PromptUse(name=PROMPT, digest=prompts[0].digest),),
            model=given["model"],
            input=given["input"],
            outcome="ok",
            user=given["user"],
            attributes=attributes,
            occurred_at=at,
        )
        self.executions[facts.execution_id] = facts
        cost = {"latency_ms": given["latency_ms"], "cost": given["cost"]}
        self._process(ExecutionRecorded(**_SCOPE, facts=facts, received_at=at, **cost))
        return facts.execution_id

    def feedback(self, execution_id: str, *, kind: Any, value: bool, source: Any, **_: Any) -> None:
        facts = self.executions[execution_id]
        self._process(
            FeedbackCreated(
                **_SCOPE,
                feedback_id=derived_id("feedback", execution_id, source),
                kind=kind,
                value=float(value),
                source=source,
                execution=facts,
                occurred_at=facts.occurred_at,
                received_at=facts.occurred_at,
            )
        )

    def close(self, timeout: float) -> None: ...

    def _process(self, event: ExecutionRecorded | FeedbackCreated) -> None:
        for reading in readings(event):
            if isinstance(reading, Reading):
                self.turns += [(len(self.executions), turn) for turn in self.engine.apply(reading)]


_SCOPE: dict[str, Any] = {"project": "default", "environment": "production", "target": TARGET}


def run_demo(tmp_path: Path, seed: int, *, healthy: bool) -> tuple[WatchedTerm, Story]:
    file, watched = tmp_path / "answer.json", WatchedTerm()
    ensure_prompt(file)
    fleet = Fleet(lambda: watched, file)  # type: ignore[arg-type, return-value]
    fleet.deploy()
    return watched, Story(fleet, file, seed, healthy)


def metrics(watched: WatchedTerm, kind: type[RegressionEvent]) -> set[str]:
    return {turn.metric for _, turn in watched.turns if isinstance(turn, kind)}


@pytest.mark.parametrize("seed", SEEDS)
def test_edit_is_detected_and_named_and_its_fix_works(tmp_path: Path, seed: int) -> None:
    watched, story = run_demo(tmp_path, seed, healthy=False)
    for _ in range(120 * _A_SECOND):
        story.step()
        if any(isinstance(turn, RegressionDetected) for _, turn in watched.turns):
            break
    ((at, detected),) = watched.turns
    assert isinstance(detected, RegressionDetected)
    assert ANSWERS_BEFORE_EDIT < at < ANSWERS_BEFORE_EDIT + 60 * _A_SECOND
    assert detected.metric in ("thumb", "implicit.thumb")
    fix = draft_fix(detected, watched.documents, None)
    assert isinstance(fix, Draft)
    system = fix.result.messages[0]
    assert isinstance(system, Message)
    assert DROPPED in system.content
    assert ADDED in system.content
    watched.live = fix.result
    for _ in range(60 * _A_SECOND):
        story.step()
        if metrics(watched, RegressionResolved) == metrics(watched, RegressionDetected):
            break
    assert metrics(watched, RegressionDetected) == metrics(watched, RegressionResolved) <= {"thumb", "implicit.thumb"}


@pytest.mark.parametrize("seed", SEEDS)
def test_no_regression_without_an_edit(tmp_path: Path, seed: int) -> None:
    watched, story = run_demo(tmp_path, seed, healthy=True)
    for _ in range(100 * _A_SECOND):
        story.step()
    assert watched.turns == []
