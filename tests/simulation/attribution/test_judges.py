"""Real judges on real summaries (FRANK): a switch of the judge is named as such, one of the system as its version.

Six automatic metrics stand for judges. Streams are generated: systems and judges in all combinations whose scores fall
by at least ten points, in an order drawn from a seed, through the engine as in the service.
"""

import json
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import permutations
from statistics import fmean

import pytest

from analyzer.domain.engine import QualityEngine
from analyzer.domain.model import Reading
from analyzer.handlers import Measurable, readings
from ratchet.prompt.canonical import digest_of
from shared.events import derived_id
from shared.events.evaluation import JudgeAnchored
from shared.events.feedback import ExecutionFacts, FeedbackCreated, PromptUse
from shared.events.quality import Cause, RegressionDetected
from tests.support.requirements import data_file
from tests.support.soak import scaled

JUDGES = ("FactCC", "FEQA", "QAGS", "BertScore P Art", "Dep Entail", "Rouge L")
START = datetime(2026, 1, 1, tzinfo=UTC)
DROP = 0.1
CASES = scaled(48, 240)
ANCHORS = 40
SCORES_PER_ANCHOR = 5
Scores = dict[str, dict[str, list[tuple[str, float]]]]
"""System → judge → summary and score, in the file's order."""


@pytest.fixture(scope="module")
def scores() -> Scores:
    found: Scores = defaultdict(lambda: defaultdict(list))
    for line in data_file("frank-metrics.jsonl").read_text().splitlines():
        row = json.loads(line)
        for judge in JUDGES:
            if row.get(judge) is not None:
                found[row["model_name"]][judge].append((row["hash"], min(max(row[judge], 0.0), 1.0)))
    return found


@dataclass(frozen=True)
class Side:
    """A system and the judge of its scores."""

    system: str
    judge: str


def sides_with_a_drop(scores: Scores, of_judge: bool) -> list[tuple[Side, Side]]:
    """Return the pairs whose mean score falls, with another judge or with another system."""
    found = []
    for system in scores:
        for before, after in permutations(JUDGES, 2):
            found.append((Side(system, before), Side(system, after)))
    if not of_judge:
        pairs = permutations(scores, 2)
        found = [(Side(before, judge), Side(after, judge)) for before, after in pairs for judge in JUDGES]

    def mean(side: Side) -> float:
        return fmean(value for _, value in scores[side.system][side.judge])

    return [(before, after) for before, after in found if mean(before) - mean(after) >= DROP]


def draw(pairs: list[tuple[Side, Side]], seed: str) -> list[tuple[Side, Side]]:
    return random.Random(seed).sample(pairs, min(CASES, len(pairs)))


def digest(judge: str) -> str:
    return digest_of(judge.encode())


def shuffled(values: Sequence[tuple[str, float]], seed: str) -> list[tuple[str, float]]:
    return random.Random(seed).sample(values, len(values))


def judged(number: int, side: Side, value: float, evaluator: str) -> FeedbackCreated:
    at = START + timedelta(seconds=60 * number)
    facts = ExecutionFacts(
        execution_id=f"e{number}", prompts=(PromptUse(name="answer", version=side.system),), occurred_at=at
    )
    return FeedbackCreated(
        project="acme", environment="production", target="bot", feedback_id=derived_id("feedback", str(number)),
        kind="score", name="factual", source="judge", evaluator=evaluator, value=value, execution=facts,
        occurred_at=at, received_at=at,
    )  # fmt: skip


def stream(scores: Scores, before: Side, after: Side, silent: bool = False) -> Iterator[Measurable]:
    """Yield the scores of both sides in turn; `silent`: the digest stays the same, and anchors are scored beside."""
    number = 0
    anchors = shuffled(scores[before.system][before.judge], "anchors")[:ANCHORS]
    again = dict(scores[before.system][after.judge])
    for side in (before, after):
        for _, value in shuffled(scores[side.system][side.judge], f"{before}{after}{side}"):
            number += 1
            yield judged(number, side, value, digest(before.judge if silent else side.judge))
            if silent and number % SCORES_PER_ANCHOR == 0:
                name, first = anchors[number // SCORES_PER_ANCHOR % len(anchors)]
                value = again.get(name, first) if side == after else first
                yield JudgeAnchored(
                    project="acme", environment="production", target="bot", judge="factual",
                    evaluator=digest(before.judge), case_id=name, score=value, first=first,
                    occurred_at=START + timedelta(seconds=60 * number + 1),
                )  # fmt: skip


def causes_of(events: Iterator[Measurable]) -> tuple[Cause, ...]:
    """Return the causes of the first regression of the judge's metric; nothing if there is none."""
    engine = QualityEngine()
    for event in events:
        for reading in readings(event):
            assert isinstance(reading, Reading)
            for found in engine.apply(reading):
                if isinstance(found, RegressionDetected) and found.metric == "judge.factual":
                    return found.causes
    return ()


def test_another_judge_in_place_of_the_first_is_blamed(scores: Scores) -> None:
    pairs = draw(sides_with_a_drop(scores, of_judge=True), "judges")
    found = [causes_of(stream(scores, before, after)) for before, after in pairs]
    detected = [(causes[0], *pair) for causes, pair in zip(found, pairs, strict=True) if causes]
    assert len(detected) >= max(40, 0.95 * len(pairs)), f"{len(detected)} of {len(pairs)}"
    right = [
        (cause.kind, cause.before, cause.after) == ("judge", digest(before.judge), digest(after.judge))
        for cause, before, after in detected
    ]
    assert sum(right) >= 0.95 * len(right), f"{sum(right)} of {len(right)}"
    assert not any(cause.kind == "prompt_version" for causes in found for cause in causes)


def test_another_system_with_the_same_judge_is_blamed_on_its_version(scores: Scores) -> None:
    pairs = draw(sides_with_a_drop(scores, of_judge=False), "systems")
    found = [causes_of(stream(scores, before, after)) for before, after in pairs]
    assert len(found) >= 40
    right = [
        bool(causes)
        and (causes[0].kind, causes[0].before, causes[0].after)
        == ("prompt_version", f"label:{before.system}", f"label:{after.system}")
        for causes, (before, after) in zip(found, pairs, strict=True)
    ]
    assert sum(right) >= 0.95 * len(right), f"{sum(right)} of {len(right)}"
    assert not any(cause.kind == "judge" for causes in found for cause in causes)


def test_a_judge_that_changes_under_the_same_digest_is_found_by_its_anchors(scores: Scores) -> None:
    pairs = draw(sides_with_a_drop(scores, of_judge=True), "drift")
    found = [causes_of(stream(scores, before, after, silent=True)) for before, after in pairs]
    right = [bool(causes) and causes[0].kind == "judge" for causes in found]
    assert sum(right) >= 0.9 * len(right), f"{sum(right)} of {len(right)}"


def test_anchors_that_stay_the_same_blame_the_version(scores: Scores) -> None:
    pairs = draw(sides_with_a_drop(scores, of_judge=False), "steady")
    found = [causes_of(stream(scores, before, after, silent=True)) for before, after in pairs]
    right = [bool(causes) and causes[0].kind == "prompt_version" for causes in found]
    assert sum(right) >= 0.95 * len(right), f"{sum(right)} of {len(right)}"
