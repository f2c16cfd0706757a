"""Files in which a plausible reading is the wrong one: each is read as meant, or asked about."""

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


def asked(path: Path) -> Doubt:
    with pytest.raises(Doubt) as caught:
        interpret_file(path, BacktestOptions(ColumnChoice()))
    return caught.value


@pytest.mark.parametrize("name", ["score (1=good 0=bad)", "Rating (1 = bad, 0 = good)", "quality (0=bad 1=ok)"])
def test_a_name_that_explains_both_ends_is_asked(tmp_path: Path, name: str) -> None:
    path = save(tmp_path, f'version,"{name}"', [f"v1,{at % 2}" for at in range(N)])
    assert asked(path).options[0].flag.startswith("--direction")


def test_a_positive_finding_of_a_bad_quality_is_asked(tmp_path: Path) -> None:
    path = save(tmp_path, "version,toxicity", [f"v1,{('positive', 'negative')[at % 2]}" for at in range(N)])
    assert "'positive'" in str(asked(path))


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
def test_long_files_call_their_columns_in_many_ways(tmp_path: Path, name: str, value: str) -> None:
    rows = [f"v1,{('toxicity', 'faithfulness')[at % 2]},0.{at % 10}" for at in range(N)]
    found = interpret_file(save(tmp_path, f"version,{name},{value}", rows), BacktestOptions(ColumnChoice()))
    assert {each.column: each.metric.direction for each in found.scales} == {
        "toxicity": "lower_is_better",
        "faithfulness": "higher_is_better",
    }


def test_names_that_may_be_metrics_are_asked(tmp_path: Path) -> None:
    rows = [f"v1,{('north', 'south')[at % 2]},0.{at % 10}" for at in range(N)]
    assert asked(save(tmp_path, "version,dimension,score", rows)).options[0].flag == "--metric dimension"


def test_equal_times_give_no_order(tmp_path: Path) -> None:
    path = save(tmp_path, "date,version,score", [f"2026-05-01,v{2 - at // 30},0.{at % 10}" for at in range(N)])
    assert "all times in date are equal, and version counts down" in str(asked(path))


def test_a_broken_column_of_values_is_shown_and_not_passed_over(tmp_path: Path) -> None:
    path = save(tmp_path, "version,score,calls", [f"v1,{'?' if at % 4 == 0 else 0.5},{at % 7}" for at in range(N)])
    doubt = asked(path)
    assert "score: 15 of 60 cells are neither numbers nor empty, such as line 2: '?'" in str(doubt)
    assert doubt.options[0].flag.startswith("--missing")


def test_a_column_of_values_without_any_is_named(tmp_path: Path) -> None:
    path = save(tmp_path, "version,score", ["v1,N/A"] * N)
    with pytest.raises(BadFile, match="score is empty"):
        interpret_file(path, BacktestOptions(ColumnChoice()))


def test_one_number_off_the_scale_may_be_missing(tmp_path: Path) -> None:
    path = save(tmp_path, "version,score", [f"v1,{-1 if at % 7 == 0 else at / 100}" for at in range(N)])
    assert [option.flag for option in asked(path).options] == ["--missing -1", "--scale -1:1"]


def test_unquoted_delimiters_do_not_shift_columns(tmp_path: Path) -> None:
    rows = [f"v1,0.{at % 10},{('good', 'bad')[at % 2]}, thanks {at}" for at in range(N)]
    with pytest.raises(BadFile, match="the header has 3 fields and most lines have 4"):
        interpret_file(save(tmp_path, "version,score,comment", rows), BacktestOptions(ColumnChoice()))


def test_comments_above_a_header_are_passed_over(tmp_path: Path) -> None:
    path = save(tmp_path, "# by us, for you\nwhen,version,score", [f"{at},v1,0.{at % 10}" for at in range(N)])
    assert [each.column for each in interpret_file(path, BacktestOptions(ColumnChoice())).scales] == ["score"]
