"""What is in doubt is asked, and each answer decides one thing."""

from pathlib import Path
from typing import Any

import pytest

from ratchet.tables import BadFile, Doubt, Option
from ratchet_backtest import detectable_drop as detectable
from ratchet_backtest import questions as doubts
from ratchet_backtest.columns import Given
from ratchet_backtest.questions import answered, changed, directions, meanings
from ratchet_backtest.report import Report
from ratchet_backtest.runner import Options, run_backtest


@pytest.fixture(autouse=True)
def one_simulation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detectable, "RUNS", 1)


def _look(path: Path) -> Any:
    return lambda question: run_backtest(path, question, lambda stage, total: lambda done: None)


def test_one_doubt_after_the_other_is_asked(tmp_path: Path) -> None:
    """Day or month, the scale, and the direction."""
    path = tmp_path / "past.csv"
    path.write_text("date,flurb\n" + "".join(f"0{1 + at // 40}/02/2026,{at % 8}\n" for at in range(240)))
    asked: list[str] = []

    def ask(doubt: Doubt) -> tuple[Option, Any]:
        asked.append(doubt.problem)
        return doubt.options[0], doubt.options[0].value

    report: Report = answered(Options(Given()), _look(path), ask)
    assert [problem.split(" ", 1)[0] for problem in asked] == ["date:", "flurb", "flurb:"]
    (result,) = report.results
    assert (result.direction, result.measured.n) == ("higher_is_better", 240)
    with pytest.raises(Doubt, match="--time-format day-first or --time-format month-first"):
        answered(Options(Given()), _look(path), None)


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("header", False, lambda question: question.layout.header is False),
        ("sheet", "Two", lambda question: question.layout.sheet == "Two"),
        ("missing", "gone, lost", lambda question: question.layout.missing == {"gone", "lost"}),
        ("good", "prima", lambda question: question.meanings == {"prima": "good"}),
        ("bad", "Kaputt", lambda question: question.meanings == {"kaputt": "bad"}),
        ("value", "score", lambda question: question.given.values == ("score",)),
        ("time", "date", lambda question: question.given.time == "date"),
        ("target", "name", lambda question: question.given.target == "name"),
        ("metric", "name", lambda question: question.metric == "name"),
        ("directions", ("x", "lower"), lambda question: question.directions == {"x": "lower"}),
        ("ends", (0.0, 10.0), lambda question: question.ends == (0.0, 10.0)),
        ("newest_first", True, lambda question: question.newest_first is True),
        ("time_format", "%d", lambda question: question.time_format == "%d"),
        ("decimal", "comma", lambda question: question.decimal == "comma"),
        ("kind", "percent", lambda question: question.kind == "percent"),
    ],
)
def test_an_answer_decides_its_field(field: str, value: Any, expected: Any) -> None:
    assert expected(changed(Options(Given()), Option("--flag", "meaning", field, value), value))


def test_nobody_is_asked_without_a_terminal() -> None:
    assert doubts.terminal() is None


def test_flags_that_cannot_be() -> None:
    with pytest.raises(BadFile, match="--direction: 'x' is not like toxicity=lower"):
        directions(["x"])
    with pytest.raises(BadFile, match="--good and --bad: 'a' cannot be both"):
        meanings(["a"], ["A,b"])
    assert directions(["a=b=lower"]) == {"a=b": "lower"}
