"""Files with a plausible but wrong interpretation: each is read correctly, or causes a question."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from ratchet.tables import BadFile, Doubt
from ratchet_backtest.column_roles import ColumnChoice
from ratchet_backtest.runner import BacktestOptions, interpret_file

N = 60


def save(folder: Path, header: str, rows: Sequence[str]) -> Path:
    path = folder / "past.csv"
    path.write_text(header + "\n" + "\n".join(rows) + "\n", "utf-8")
    return path


def doubt_of(path: Path) -> Doubt:
    with pytest.raises(Doubt) as caught:
        interpret_file(path, BacktestOptions(ColumnChoice()))
    return caught.value


@pytest.mark.parametrize("name", ["score (1=good 0=bad)", "Rating (1 = bad, 0 = good)", "quality (0=bad 1=ok)"])
def test_ambiguous_direction_is_a_question(tmp_path: Path, name: str) -> None:
    path = save(tmp_path, f'version,"{name}"', [f"v1,{at % 2}" for at in range(N)])
    assert doubt_of(path).options[0].flag.startswith("--direction")


def test_positive_value_of_a_bad_quality_is_a_question(tmp_path: Path) -> None:
    path = save(tmp_path, "version,toxicity", [f"v1,{('positive', 'negative')[at % 2]}" for at in range(N)])
    assert "'positive'" in str(doubt_of(path))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("scorer", "score"),
        ("metric_id", "metric_score"),
        ("assessment_name", "assessment_value"),
        ("aspect", "rating"),
        ("eval_type", "result"),
        ("dimension", "score"),
    ],
)
def test_long_format_with_various_column_names(tmp_path: Path, name: str, value: str) -> None:
    rows = [f"v1,{('toxicity', 'faithfulness')[at % 2]},0.{at % 10}" for at in range(N)]
    found = interpret_file(save(tmp_path, f"version,{name},{value}", rows), BacktestOptions(ColumnChoice()))
    assert {each.column: each.metric.direction for each in found.scales} == {
        "toxicity": "lower_is_better",
        "faithfulness": "higher_is_better",
    }


def test_names_that_may_be_metrics_are_a_question(tmp_path: Path) -> None:
    rows = [f"v1,{('north', 'south')[at % 2]},0.{at % 10}" for at in range(N)]
    assert doubt_of(save(tmp_path, "version,dimension,score", rows)).options[0].flag == "--metric dimension"


def test_equal_times_do_not_determine_the_order(tmp_path: Path) -> None:
    path = save(tmp_path, "date,version,score", [f"2026-05-01,v{2 - at // 30},0.{at % 10}" for at in range(N)])
    assert "all times in date are equal, and version counts down" in str(doubt_of(path))


def test_broken_value_column_is_reported(tmp_path: Path) -> None:
    path = save(tmp_path, "version,score,calls", [f"v1,{'?' if at % 4 == 0 else 0.5},{at % 7}" for at in range(N)])
    doubt = doubt_of(path)
    assert "score: 15 of 60 cells are neither numbers nor empty, such as line 2: '?'" in str(doubt)
    assert doubt.options[0].flag.startswith("--missing")


def test_empty_value_column_is_named(tmp_path: Path) -> None:
    path = save(tmp_path, "version,score", ["v1,N/A"] * N)
    with pytest.raises(BadFile, match="score is empty"):
        interpret_file(path, BacktestOptions(ColumnChoice()))


def test_number_off_the_scale_may_mean_missing(tmp_path: Path) -> None:
    path = save(tmp_path, "version,score", [f"v1,{-1 if at % 7 == 0 else at / 100}" for at in range(N)])
    assert [option.flag for option in doubt_of(path).options] == ["--missing -1", "--scale -1:1"]


def test_unquoted_delimiters_do_not_shift_columns(tmp_path: Path) -> None:
    rows = [f"v1,0.{at % 10},{('good', 'bad')[at % 2]}, thanks {at}" for at in range(N)]
    with pytest.raises(BadFile, match="the header has 3 fields and most lines have 4"):
        interpret_file(save(tmp_path, "version,score,comment", rows), BacktestOptions(ColumnChoice()))


def test_comments_above_the_header_are_skipped(tmp_path: Path) -> None:
    path = save(tmp_path, "# by us, for you\nwhen,version,score", [f"{at},v1,0.{at % 10}" for at in range(N)])
    assert [each.column for each in interpret_file(path, BacktestOptions(ColumnChoice())).scales] == ["score"]
