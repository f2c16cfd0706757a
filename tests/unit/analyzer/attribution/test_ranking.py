"""True causes are named, others are not, and undecidable cases are reported as such."""

import random
from collections.abc import Callable

import pytest

from analyzer.domain.attribution.contrasts import ChangePoint
from analyzer.domain.attribution.hypotheses import Beside
from analyzer.domain.attribution.ranking import Attribution, rank_hypotheses
from analyzer.domain.attribution.timeline import Timeline

Levels = dict[str, str]
SWITCH = 1500
CHANGE = ChangePoint(SWITCH, SWITCH - 60, SWITCH + 60)


def timeline_of(
    levels: Callable[[int, random.Random], Levels], fall: Callable[[int, Levels], float], n: int = 2000
) -> Timeline:
    """Return a timeline of scores around 0.8, lowered by `fall` for the levels of each number."""
    rnd = random.Random(5)
    timeline: Timeline | None = None
    for number in range(n):
        each = levels(number, rnd)
        timeline = timeline or Timeline(tuple(each))
        value = min(max(rnd.gauss(0.8 - fall(number, each), 0.1), 0.0), 1.0)
        timeline.add(tuple(each.values()), value, float(number))
    assert timeline
    return timeline


def kinds(found: Attribution) -> list[str]:
    return [cause.kind for cause in found.causes]


def drop_after_switch(number: int, _: Levels) -> float:
    return 0.1 if number >= SWITCH else 0.0


def test_version_from_long_before_is_not_named() -> None:
    def levels(number: int, _: random.Random) -> Levels:
        return {"model": "m1", "prompt_version:answer": "v2" if number >= 700 else "v1"}

    found = rank_hypotheses(timeline_of(levels, drop_after_switch), CHANGE)
    assert (found.certain, kinds(found)) == (False, ["unknown"])
    assert "all segments got worse equally" in found.causes[0].evidence


def test_version_from_afterwards_is_not_named() -> None:
    def levels(number: int, _: random.Random) -> Levels:
        return {"model": "m1", "prompt_version:answer": "v2" if number >= 1800 else "v1"}

    assert kinds(rank_hypotheses(timeline_of(levels, drop_after_switch), CHANGE)) == ["unknown"]


def test_switch_is_named_with_levels_and_start() -> None:
    def levels(number: int, _: random.Random) -> Levels:
        return {"model": "m1", "prompt_version:answer": "v2" if number >= SWITCH else "v1"}

    found = rank_hypotheses(timeline_of(levels, drop_after_switch), CHANGE)
    (cause,) = found.causes
    assert (found.certain, cause.kind, cause.name, cause.before, cause.after) == (
        True, "prompt_version", "answer", "v1", "v2",
    )  # fmt: skip
    assert cause.since is not None
    assert cause.since[0] <= SWITCH <= cause.since[1]
    assert cause.effect == pytest.approx(-0.1, abs=0.02)
    assert cause.explains == pytest.approx(found.raw, abs=0.02)


def test_simultaneous_changes_are_both_named() -> None:
    def levels(number: int, _: random.Random) -> Levels:
        new = number >= SWITCH
        return {"model": "m2" if new else "m1", "prompt_version:answer": "v2" if new else "v1"}

    found = rank_hypotheses(timeline_of(levels, drop_after_switch), CHANGE)
    assert (found.certain, set(kinds(found))) == (False, {"model", "prompt_version"})


def test_simultaneous_prompt_switches_are_both_named() -> None:
    def levels(number: int, _: random.Random) -> Levels:
        new = "2" if number >= SWITCH else "1"
        return {"prompt_version:answer": f"v{new}", "prompt_version:judge": f"j{new}"}

    found = rank_hypotheses(timeline_of(levels, drop_after_switch), CHANGE)
    assert {cause.name for cause in found.causes} == {"answer", "judge"}
    assert not found.certain


def test_simultaneous_changes_are_separated_if_the_values_allow() -> None:
    """The model serves half of the traffic, the version all of it; only values of the model got worse."""

    def levels(number: int, rnd: random.Random) -> Levels:
        new = number >= SWITCH
        return {
            "model": "m2" if new and rnd.random() < 0.5 else "m1",
            "prompt_version:answer": "v2" if new else "v1",
        }

    found = rank_hypotheses(timeline_of(levels, lambda _, each: 0.2 if each["model"] == "m2" else 0.0), CHANGE)
    assert (found.certain, kinds(found)) == (True, ["model"])


def test_a_second_cause_is_named_after_the_first() -> None:
    def levels(number: int, rnd: random.Random) -> Levels:
        new = number >= SWITCH and rnd.random() < 0.4
        return {"language": rnd.choice(["en", "de", "fr"]), "prompt_version:answer": "v2" if new else "v1"}

    def fall(number: int, each: Levels) -> float:
        return (
            0.25
            if each["prompt_version:answer"] == "v2"
            else 0.15
            if number >= SWITCH and each["language"] == "de"
            else 0.0
        )

    found = rank_hypotheses(timeline_of(levels, fall), CHANGE)
    assert [(cause.kind, cause.after) for cause in found.causes] == [("prompt_version", "v2"), ("segment", "de")]


def test_a_version_that_is_worse_in_one_language_is_named_with_it() -> None:
    def levels(number: int, rnd: random.Random) -> Levels:
        return {"language": rnd.choice(["en", "de"]), "prompt_version:answer": "v2" if number >= SWITCH else "v1"}

    found = rank_hypotheses(
        timeline_of(levels, lambda number, each: drop_after_switch(number, each) * 2 * (each["language"] == "de")),
        CHANGE,
    )
    (cause,) = found.causes
    assert (cause.kind, cause.after, cause.where) == ("prompt_version", "v2", ("language", "de"))
    assert cause.evidence.endswith("only where language is de")


def test_traffic_and_a_drop_are_separated() -> None:
    """Half of the raw drop comes from traffic that was always harder."""

    def levels(number: int, rnd: random.Random) -> Levels:
        hard = rnd.random() < (0.7 if number >= SWITCH else 0.2)
        return {"route": "hard" if hard else "easy", "model": "m2" if number >= SWITCH else "m1"}

    found = rank_hypotheses(
        timeline_of(levels, lambda number, each: drop_after_switch(number, each) + 0.2 * (each["route"] == "hard")),
        CHANGE,
    )
    assert found.mix == pytest.approx(-0.1, abs=0.02)
    assert found.within == pytest.approx(-0.1, abs=0.02)
    assert found.raw == pytest.approx(found.mix + found.within)
    assert set(kinds(found)) == {"traffic_mix", "model"}


def test_simultaneous_errors_are_named() -> None:
    def levels(_: int, __: random.Random) -> Levels:
        return {"model": "m1"}

    errors = timeline_of(levels, lambda number, _: 0.3 if number >= SWITCH else -0.1)
    steady = timeline_of(levels, lambda *_: 0.0)
    assert kinds(rank_hypotheses(timeline_of(levels, drop_after_switch), CHANGE, Beside(errors))) == ["upstream_errors"]
    assert kinds(rank_hypotheses(timeline_of(levels, drop_after_switch), CHANGE, Beside(steady))) == ["unknown"]


def test_change_of_unknown_date_is_explained_by_the_likeliest_cause() -> None:
    def levels(number: int, _: random.Random) -> Levels:
        return {"model": "m2" if number >= SWITCH else "m1"}

    found = rank_hypotheses(timeline_of(levels, drop_after_switch), ChangePoint(SWITCH, 0, SWITCH + 60))
    assert (found.certain, kinds(found)) == (True, ["model"])


def test_few_values_with_a_clear_drop_suffice() -> None:
    """Sixteen of 125 values have a level that came with the change and is much worse."""

    def levels(number: int, _: random.Random) -> Levels:
        return {"region": "xx" if number >= SWITCH and number % 8 == 0 else "eu"}

    found = rank_hypotheses(timeline_of(levels, lambda _, each: 0.7 * (each["region"] == "xx"), SWITCH + 125), CHANGE)
    assert (found.certain, [cause.after for cause in found.causes]) == (True, ["xx"])


def test_no_cause_without_a_drop() -> None:
    found = rank_hypotheses(timeline_of(lambda *_: {"model": "m1"}, lambda *_: 0.0), CHANGE)
    assert (found.certain, kinds(found)) == (False, ["unknown"])


@pytest.mark.parametrize("change", [ChangePoint(0, 0, 0), ChangePoint(5000, 4000, 6000), ChangePoint(30, 0, 60)])
def test_no_cause_without_values_on_both_sides(change: ChangePoint) -> None:
    found = rank_hypotheses(timeline_of(lambda *_: {"model": "m1"}, drop_after_switch, 60), change)
    assert (found.certain, kinds(found)) == (False, ["unknown"])
    assert kinds(rank_hypotheses(Timeline(("model",)), change)) == ["unknown"]
