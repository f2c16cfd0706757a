"""Folding columns gives the same state and decisions as applying readings one by one."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import accumulate, cycle, islice, product
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.domain.column_fold import PositionedEvent, fold_columns
from analyzer.domain.engine import QualityEngine
from analyzer.domain.metrics.definitions import Declared, Definitions, TargetScope
from analyzer.domain.model import Reading
from analyzer.domain.value_columns import to_columns
from analyzer.domain.watch_rules import Rule, Rules
from analyzer.handlers import Measurable, readings
from shared.events.feedback import PromptUse
from shared.events.quality import RegressionDetected, RegressionResolved
from shared.metric_catalog import Declaration
from tests.support.quality import START, facts, feedback, recorded, replacing, score
from tests.support.soak import scaled

WORDS = ["".join(letters) for letters in product("abcdefghijkl", "mnopqrst", "uvwxyz")]
LIKELY = list(accumulate(1 / (rank + 1) for rank in range(len(WORDS))))
COMPARED = 50
"""The whole state is compared after at least this many events."""


@dataclass(frozen=True)
class Traffic:
    """Parameters of the events of a test."""

    targets: int = 1
    versions: Sequence[str] = ("v1",)
    canary: float = 0.0
    routes: int = 3
    prompts: int = 1
    corrections: float = 0.0
    disorder: float = 0.0
    bad: Sequence[float] = (0.1, 0.1, 0.5, 0.1)
    errors: Sequence[float] = (0.02, 0.02, 0.3, 0.02)
    texts: bool = True


def events(traffic: Traffic, number: int, seed: int) -> Iterator[Measurable]:
    """Yield executions and feedback in phases: as many as `traffic.bad` has rates of bad values."""
    rnd = random.Random(seed)
    for at in range(number):
        phase = at * len(traffic.bad) // number
        version = traffic.versions[phase * len(traffic.versions) // len(traffic.bad)]
        if rnd.random() < traffic.canary:
            version = "canary"
        names = [f"answer{index or ''}" for index in range(traffic.prompts)]
        moment = at + (rnd.randrange(-300, 300) if rnd.random() < traffic.disorder else 0)
        attributes: dict[str, Any] = {
            "prompts": tuple(
                PromptUse(name=name, version=version) for name in names[: rnd.randint(1, traffic.prompts)]
            ),
            "attributes": {"route": f"r{int(rnd.expovariate(0.3)) % traffic.routes}", "language": rnd.choice("ab")},
            "input": " ".join(rnd.choices(WORDS, cum_weights=LIKELY, k=12)) if traffic.texts else None,
            "user": f"u{rnd.randrange(50)}",
            "model": "model-b" if phase == 3 and rnd.random() < 0.9 else "model-a",
        }
        target = f"bot-{rnd.randrange(traffic.targets)}"
        worse = rnd.random() < traffic.bad[phase]
        fact = facts(at, occurred_at=START + timedelta(seconds=moment), **attributes)
        if rnd.random() < 0.5:
            if rnd.random() < traffic.corrections:
                again = replacing(at, float(not worse), float(rnd.random() < 0.5))
                yield again.model_copy(update={"execution": fact, "target": target})
            else:
                yield feedback(at, value=float(not worse), execution=fact, target=target)
        else:
            failed = fact.model_copy(update={"outcome": "error" if rnd.random() < traffic.errors[phase] else "ok"})
            scores = {"helpful": 0.0 if worse else rnd.choice((0.5, 0.75, 1.0)), "wordiness": rnd.random()}
            latency = rnd.lognormvariate(6, 0.5) * (1.5 if worse else 1.0)
            yield recorded(at, target=target, facts=failed, latency_ms=latency, cost=0.002, scores=scores)


def state(engine: QualityEngine) -> dict[str, Any]:
    """Return everything that is saved of an engine."""
    return {
        **{str(key): stream.dump() for key, stream in engine.changed.items()},
        **{str(key): history.dump() for key, history in engine.changed_histories.items()},
        **{f"regression {key}": each.dump() for key, each in engine.changed_regressions.items()},
    }


def one_by_one(engine: QualityEngine, batch: Sequence[Reading]) -> list[PositionedEvent]:
    return [(position, event) for position, reading in enumerate(batch) for event in engine.apply(reading)]


def in_columns(engine: QualityEngine, batch: Sequence[Reading]) -> list[PositionedEvent]:
    return fold_columns(engine, to_columns(batch, engine.rules))


def assert_equal_folds(
    traffic: Traffic,
    number: int,
    seed: int,
    sizes: Sequence[int],
    rules: Sequence[Rule] = (),
    declared: Mapping[str, Declaration] = MappingProxyType({}),
) -> list[PositionedEvent]:
    """Fold the same events in batches both ways, compare what they lead to, and return the resulting events."""
    definitions = Definitions(
        {TargetScope("acme", "production", None, f"score.{name}"): Declared(each) for name, each in declared.items()}
    )
    simple, columnar = (QualityEngine(Rules(rules=rules), definitions) for _ in range(2))
    made, found, size = events(traffic, number, seed), list[PositionedEvent](), cycle(sizes)
    uncompared = 0
    while batch := list(islice(made, next(size))):
        values = [each for event in batch for each in readings(event, definitions) if isinstance(each, Reading)]
        expected = one_by_one(simple, values)
        assert in_columns(columnar, values) == expected
        uncompared += len(batch)
        if uncompared >= COMPARED:
            assert state(columnar) == state(simple)
            uncompared = 0
        due = [sorted(map(repr, engine.pending_measurements())) for engine in (simple, columnar)]
        assert due[0] == due[1]
        found += expected
    assert state(columnar) == state(simple)
    return found


SCENES = {
    "a version that is worse, then fixed": Traffic(versions=("v1", "v1", "v2", "v3")),
    "a drift that recovers": Traffic(),
    "canary": Traffic(versions=("v1", "v1", "v2", "v3"), canary=0.1),
    "versions side by side": Traffic(versions=("v1", "v1", "v2", "v3"), canary=0.5, bad=(0.1, 0.1, 0.6, 0.1)),
    "several prompts": Traffic(versions=("v1", "v1", "v2", "v3"), prompts=3),
    "corrections": Traffic(corrections=0.2),
    "late values": Traffic(disorder=0.3),
    "many segments": Traffic(routes=90),
    "several targets": Traffic(targets=2, versions=("v1", "v1", "v2", "v3")),
}


LONG = {"versions side by side", "several targets"}
"""Scenes in which a regression opens late."""
QUICK = ["canary", "corrections"]
"""Scenes of `make unit`."""
RULES = [Rule(metric="thumb", safety=True), Rule(metric="error_rate", agreed=0.05), Rule(dimensions=("route",))]


@pytest.mark.parametrize("name", scaled([*SCENES], [*SCENES], unit=QUICK))
def test_column_fold_of_a_scene_equals_one_by_one(name: str) -> None:
    found = assert_equal_folds(SCENES[name], 2000 if name in LONG else 1200, 7, (600, 300))

    assert any(isinstance(event, RegressionDetected) for _, event in found)
    resolves = name in ("a version that is worse, then fixed", "a drift that recovers", "corrections")
    assert not resolves or any(isinstance(event, RegressionResolved) for _, event in found)


@pytest.mark.parametrize("rule", scaled(RULES, RULES, unit=RULES[:1]))
def test_column_fold_with_rules_equals_one_by_one(rule: Rule) -> None:
    number = scaled(1200, 1200, unit=700)
    found = assert_equal_folds(Traffic(versions=("v1", "v1", "v2", "v3"), routes=5), number, 3, (400,), [rule])

    assert any(isinstance(event, RegressionDetected) for _, event in found)


def test_column_fold_of_declared_metrics_equals_one_by_one() -> None:
    declared = {"helpful": Declaration("lower_is_better"), "wordiness": Declaration("higher_is_better", scale=(0, 0.9))}

    assert assert_equal_folds(Traffic(versions=("v1", "v1", "v2", "v3")), 1200, 3, (700,), declared=declared)


def test_a_regression_is_explained_by_the_errors_before_it_only() -> None:
    """After the regression of thumbs, calls turn out to have failed by its time, and the score of column one falls."""
    batch: list[Measurable] = [score(0, "v1", 1.0)]
    for at in range(400):
        batch += [recorded(at), feedback(at), score(at, "v1", 1.0)]
    batch += [feedback(at, value=float(at % 2)) for at in range(400, 600)]
    batch += [recorded(at, facts=facts(at, outcome="error")) for at in range(400, 500)]
    batch += [score(at, "v1", float(at % 2)) for at in range(400, 600)]
    values = [each for event in batch for each in readings(event, Definitions({})) if isinstance(each, Reading)]
    expected = one_by_one(QualityEngine(), values)
    thumb, errors, scores = (event for _, event in expected if isinstance(event, RegressionDetected))
    assert (thumb.metric, errors.metric, scores.metric) == ("thumb", "error_rate", "score.Factuality")
    assert [[cause.kind for cause in event.causes] for event in (thumb, scores)] == [["unknown"], ["upstream_errors"]]
    assert in_columns(QualityEngine(), values) == expected


@given(
    seed=st.integers(0, 1 << 30),
    traffic=st.builds(
        Traffic,
        targets=st.integers(1, 3),
        versions=st.lists(st.sampled_from(["v1", "v2", "v3"]), min_size=1, max_size=4),
        canary=st.sampled_from([0.0, 0.05, 0.5]),
        routes=st.sampled_from([1, 4, 70]),
        prompts=st.integers(1, 2),
        corrections=st.sampled_from([0.0, 0.1, 0.5]),
        disorder=st.sampled_from([0.0, 0.2]),
        bad=st.lists(st.sampled_from([0.0, 0.1, 0.5, 1.0]), min_size=4, max_size=4),
        errors=st.lists(st.sampled_from([0.0, 0.05, 0.5]), min_size=4, max_size=4),
        texts=st.booleans(),
    ),
    sizes=st.lists(st.sampled_from([1, 2, 7, 50, 300, 1000]), min_size=1, max_size=3),
)
@settings(max_examples=scaled(5, 400, unit=2), deadline=None)
def test_column_fold_of_any_traffic_equals_one_by_one(seed: int, traffic: Traffic, sizes: list[int]) -> None:
    assert_equal_folds(traffic, scaled(800, 800, unit=400), seed, sizes)
