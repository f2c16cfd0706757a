"""Each doubt about a file is a question, and each answer decides one option."""

from pathlib import Path
from typing import Any

import pytest

from ratchet.tables import BadFile, Doubt, Option
from ratchet_backtest import detectable_drop as detectable
from ratchet_backtest import questions as doubts
from ratchet_backtest.column_roles import ColumnChoice
from ratchet_backtest.questions import parse_directions, parse_meanings, run_with_questions, with_option
from ratchet_backtest.report import Report
from ratchet_backtest.runner import BacktestOptions, run_backtest


@pytest.fixture(autouse=True)
def one_simulation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detectable, "RUNS", 1)


def _look(path: Path) -> Any:
    return lambda options: run_backtest(path, options, lambda stage, total: lambda done: None)


def test_doubts_are_asked_in_turn(tmp_path: Path) -> None:
    """Day or month, the scale, and the direction."""
    path = tmp_path / "past.csv"
    path.write_text("date,flurb\n" + "".join(f"0{1 + at // 40}/02/2026,{at % 8}\n" for at in range(240)))
    asked: list[str] = []

    def ask(doubt: Doubt) -> tuple[Option, Any]:
        asked.append(doubt.problem)
        return doubt.options[0], doubt.options[0].value

    report: Report = run_with_questions(BacktestOptions(ColumnChoice()), _look(path), ask)
    assert [problem.split(" ", 1)[0] for problem in asked] == ["date:", "flurb", "flurb:"]
    (result,) = report.results
    assert (result.direction, result.measured.n) == ("higher_is_better", 240)
    with pytest.raises(Doubt, match="--time-format day-first or --time-format month-first"):
        run_with_questions(BacktestOptions(ColumnChoice()), _look(path), None)


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("header", False, lambda options: options.layout.header is False),
        ("sheet", "Two", lambda options: options.layout.sheet == "Two"),
        ("missing", "gone, lost", lambda options: options.layout.missing == {"gone", "lost"}),
        ("good", "prima", lambda options: options.meanings == {"prima": "good"}),
        ("bad", "Kaputt", lambda options: options.meanings == {"kaputt": "bad"}),
        ("value", "score", lambda options: options.given.values == ("score",)),
        ("time", "date", lambda options: options.given.time == "date"),
        ("target", "name", lambda options: options.given.target == "name"),
        ("metric", "name", lambda options: options.metric == "name"),
        ("directions", ("x", "lower"), lambda options: options.directions == {"x": "lower"}),
        ("ends", (0.0, 10.0), lambda options: options.ends == (0.0, 10.0)),
        ("newest_first", True, lambda options: options.newest_first is True),
        ("time_format", "%d", lambda options: options.time_format == "%d"),
        ("decimal", "comma", lambda options: options.decimal == "comma"),
        ("kind", "percent", lambda options: options.kind == "percent"),
    ],
)
def test_answer_decides_its_option(field: str, value: Any, expected: Any) -> None:
    assert expected(with_option(BacktestOptions(ColumnChoice()), Option("--flag", "meaning", field, value), value))


def test_no_question_without_a_terminal() -> None:
    assert doubts.terminal_prompter() is None


def test_contradictory_flags() -> None:
    with pytest.raises(BadFile, match="--direction: 'x' is not of the form COLUMN=higher"):
        parse_directions(["x"])
    with pytest.raises(BadFile, match="--good and --bad: 'a' is in both"):
        parse_meanings(["a"], ["A,b"])
    assert parse_directions(["a=b=lower"]) == {"a=b": "lower"}
