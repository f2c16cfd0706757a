"""Files reported by users: each is read correctly, or rejected with a helpful message."""

import gzip
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from ratchet.tables import BadFile, Doubt
from ratchet_backtest.column_roles import ColumnChoice
from ratchet_backtest.dataset import Dataset
from ratchet_backtest.loader import load_dataset
from ratchet_backtest.runner import BacktestOptions, interpret_file
from tests.support.command_line import run_command

Save = Callable[..., Path]
MARCH = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def save(tmp_path: Path) -> Save:
    def save(content: str | bytes | Sequence[Any], name: str = "past.csv", encoding: str = "utf-8") -> Path:
        if not isinstance(content, str | bytes):
            content = "".join(json.dumps(row) + "\n" for row in content)
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    return save


def history(path: Path, **asked: Any) -> Dataset:
    found = interpret_file(path, BacktestOptions(asked.pop("given", ColumnChoice()), **asked))
    return load_dataset(found.rows, found.columns, found.scales, lambda done: None, found.clock)


def run(path: Path, *words: str) -> Result:
    return run_command("backtest", str(path), *words)


def column(name: str, cells: Sequence[Any], *more: str) -> str:
    """Return a CSV with one quoted column of values, and versions."""
    return "version," + name + "\n" + "".join(f'v{2 * at // len(cells)},"{cell}"\n' for at, cell in enumerate(cells))


@pytest.mark.parametrize("name", ["thumbs_down", "disliked", "complaint", "negative_user_feedback", "toxicity"])
def test_direction_of_a_bad_quality(save: Save, name: str) -> None:
    """A2."""
    (values,) = history(save(column(name, ["1", "0", "0"] * 10))).values
    assert values.scale.metric.direction == "lower_is_better"
    assert sum(values.found) == 20


def test_given_direction_applies_to_thumbs(save: Save) -> None:
    (values,) = history(save(column("thumb", ["up", "down", "down"] * 10)), better="lower").values
    assert sum(values.found) == 20


def test_unknown_direction_is_a_question(save: Save) -> None:
    path = save(column("flurb", ["0.1", "0.4"] * 20))
    result = run(path)
    assert (result.exit_code, "--direction flurb=higher or --direction flurb=lower" in result.stderr) == (2, True)
    assert run(path, "--direction", "flurb=lower").exit_code == 0


def test_names_of_metrics_are_not_targets(save: Save) -> None:
    rows = "name,score\n" + "toxicity,0.1\nfaithfulness,0.9\n" * 30
    with pytest.raises(Doubt, match=r"--target name: the column contains metric names .*--metric name"):
        history(save(rows), given=ColumnChoice(target="name"))


def test_epochs_have_one_unit(save: Save) -> None:
    """A4: the first value is also a valid date of the year 1778."""
    rows = [f"{1778011020123 + 60_000 * at},{at % 2}" for at in range(50)]
    found = history(save("created_at,score\n" + "\n".join(rows) + "\n"))
    assert found.at[0] == 1778011020.123
    assert found.ordered


def test_long_format_has_a_metric_per_name(save: Save) -> None:
    """A5: words are used if the type requires them, and never the zero next to them."""
    rows = ["timestamp,traceId,name,dataType,value,stringValue"]
    for at in range(60):
        when = (MARCH + timedelta(hours=at)).isoformat()
        rows.append(f"{when},t{at},verdict,CATEGORICAL,0,{'correct' if at % 3 else 'incorrect'}")
        rows.append(f"{when},t{at},toxicity,NUMERIC,0.1,")
        rows.append(f"{when},t{at},helpful,BOOLEAN,{at % 2},{bool(at % 2)}")
        rows.append(f"{when},t{at},remark,TEXT,0,nice {at}")
    found = history(save("\n".join(rows) + "\n"))
    assert all((values.n, values.missing) == (60, 0) for values in found.values)
    sums = {values.scale.column: sum(value for value in values.found if value == value) for values in found.values}
    assert sums == pytest.approx({"verdict": 40.0, "helpful": 30.0, "toxicity": 54.0})


def test_columns_are_those_of_the_majority_of_rows(save: Save) -> None:
    """A6: an evals log whose first and last lines are not samples."""
    rows: list[dict[str, Any]] = [{"spec": {"created_at": "2026-03-01", "score": 3}}]
    rows += [
        {
            "event_id": at,
            "type": "match",
            "data": {"correct": at % 2 == 0},
            "created_at": f"{MARCH + at * timedelta(hours=1)}",
        }
        for at in range(40)
    ]
    rows.append({"final_report": {"accuracy": 0.5}})
    found = history(save(rows, "log.jsonl"))
    assert [values.scale.column for values in found.values] == ["data.correct"]
    assert (found.values[0].n, found.at[0]) == (40, MARCH.timestamp())


@pytest.mark.parametrize("cells", [["x"] * 3, [None] * 40, ["inf"] * 40])
def test_no_usable_row_is_an_error(save: Save, cells: list[Any]) -> None:
    path = save([{"score": cell} for cell in cells], "past.jsonl")
    assert run(path).exit_code == 2
    assert run(path, "--value", "score", "--kind", "score").exit_code == 2


def test_percent_cells_have_their_own_scale(save: Save) -> None:
    """A7."""
    (values,) = history(save([{"accuracy": cell} for cell in (0.9, "0.9", "90%", "90 %", "0,9") * 9], "a.jsonl")).values
    assert list(values.found) == [0.9] * 45
    (values,) = history(save([{"accuracy": cell} for cell in (90, "85%") * 9], "b.jsonl")).values
    assert list(values.found) == [0.9, 0.85] * 9
    with pytest.raises(Doubt, match="--kind score or --kind percent"):
        history(save([{"accuracy": cell} for cell in (1, 0.5, 85, "85%") * 9], "c.jsonl"))


def test_two_scales_in_a_column_are_ambiguous(save: Save) -> None:
    with pytest.raises(BadFile, match="may be two scales"):
        history(save([{"accuracy": cell} for cell in (0.9, 85) * 20], "past.jsonl"))


@pytest.mark.parametrize("newest_first", [False, True])
def test_order_of_the_file_breaks_ties(save: Save, newest_first: bool) -> None:
    """A8: dates without a time of day; in a file with the newest row first, from its end."""
    rows = [f"2026-03-{1 + at // 50:02},{at % 2}" for at in range(200)]
    rows = rows[::-1] if newest_first else rows
    found = history(save("date,score\n" + "\n".join(rows) + "\n"))
    numbers = list(range(201, 1, -1)) if newest_first else list(range(2, 202))
    assert [found.order().number(position) for position in range(200)] == numbers


def test_unreadable_times_are_reported(save: Save) -> None:
    """A9."""
    path = save("date,score\n" + "".join(f"week {90 - at},{at % 2}\n" for at in range(60)))
    result = run(path)
    assert (result.exit_code, result.stdout) == (2, "")
    for flag in ("--time-format", "--newest-first", "--oldest-first"):
        assert flag in result.stderr
    assert "the file has its newest rows first" in run(path, "--newest-first").stdout
    falling = save("id,score\n" + "".join(f"{90 - at},{at % 2}\n" for at in range(60)), "b.csv")
    assert "id counts down" in run(falling).stderr


def test_thousands_separators_are_read_and_other_columns_rejected(save: Save) -> None:
    """A10."""
    (values,) = history(save(column("latency_ms", ["1,234", "980", "12,345"] * 10))).values
    assert values.n == 30
    assert values.scale.metric.from_scale(values.found[0]) == pytest.approx(1234.0)
    result = run(
        save(column("latency_ms", ["980", "120", "slow"] * 10), "b.csv"), "--value", "latency_ms", "--kind", "latency"
    )
    assert result.exit_code == 2
    assert "10 of 30 cells cannot be read as latency in ms (line 4: 'slow'; line 7: 'slow'" in result.stderr
    with pytest.raises(
        Doubt, match="'1,234' can be a decimal number or a thousand: give --decimal point or --decimal comma"
    ):
        history(save(column("latency_ms", ["1,234", "2,345"] * 10), "c.csv"))


@pytest.mark.parametrize("name", ["past.csv", "past.jsonl", "past.parquet"])
@pytest.mark.parametrize("cell", ["inf", "-inf", "1e999", "Infinity"])
def test_infinity_is_omitted_and_counted(save: Save, tmp_path: Path, name: str, cell: str) -> None:
    """B2."""
    if name.endswith("csv"):
        path = save("version,score\n" + "a,0.5\n" * 30 + f"a,{cell}\n", name)
    elif name.endswith("jsonl"):
        path = save('{"version": "a", "score": 0.5}\n' * 30 + f'{{"version": "a", "score": "{cell}"}}\n', name)
    else:
        import pyarrow
        from pyarrow import parquet

        path = tmp_path / name
        parquet.write_table(pyarrow.table({"version": ["a"] * 31, "score": [0.5] * 30 + [float(cell)]}), path)
    result = run(path)
    assert (result.exit_code, "1 left out: is not a finite number" in result.stdout) == (0, True), result.output


def test_an_unclosed_quote_is_named(save: Save) -> None:
    """B3."""
    result = run(save('thumb,version,note\n1,a,ok\n0,a,"oops\n1,b,ok\n0,b,ok'))
    assert (result.exit_code, "line 3: a quote is not closed" in result.stderr) == (2, True)
    with pytest.raises(BadFile, match="line 3: a quote is opened that is closed only in line 5"):
        history(save('thumb,version,note\n1,a,ok\n0,a,"oops\n1,b,ok\n0,b,"fine"\n1,b,ok\n'))


@pytest.mark.parametrize("word", ["NULL", "N/A", "nan", "None", "-", "", "#N/A", "<NA>"])
def test_words_for_missing_values(save: Save, word: str) -> None:
    """B8."""
    (values,) = history(save(column("score", ["0.5", word, word] * 10))).values
    assert (values.n, values.missing, values.unreadable) == (10, 20, 0)
    found = history(save(column("score", ["0.5", "skipped", "skipped"] * 10), "b.csv"), layout=_missing())
    assert found.values[0].n == 10


def _missing() -> Any:
    from ratchet.tables import Layout

    return Layout(missing=frozenset({"skipped"}))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("name", ["past.jsonl", "past.csv", "past.json"])
def test_byte_order_marks_and_wide_encodings_lose_no_row(save: Save, encoding: str, name: str) -> None:
    """B9."""
    rows = [{"score": at % 2, "note": "grün"} for at in range(40)]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    text = {"past.jsonl": lines, "past.json": json.dumps(rows)}.get(name, "score,note\n" + "0,grün\n1,grün\n" * 20)
    assert history(save(text, name, encoding)).values[0].n == 40


def test_excel_dialect(save: Save) -> None:
    """B9: `sep=`, a delimiter and a newline in the header, decimal commas."""
    text = 'sep=;\r\n"prompt\nversion";"score; 0 to 1"\r\n' + "a;0,75\r\nb;0,5\r\n" * 20
    found = history(save(text), given=ColumnChoice(values=("score; 0 to 1",)), better="higher")
    assert list(found.values[0].found) == [0.75, 0.5] * 20


def test_compressed_files(save: Save) -> None:
    """D5."""
    rows = json.dumps([{"score": at % 2} for at in range(40)]).encode()
    assert history(save(gzip.compress(rows), "past.json.gz")).values[0].n == 40


@pytest.mark.parametrize(
    ("name", "cells", "first"),
    [
        ("score", ["85,3 %", "12,1 %"], 0.853),
        ("score", ["4/5", "1/5"], 0.8),
        ("user_rating", ["4 stars", "1 star"], 0.75),
        ("rating", ["★★★★☆", "★☆☆☆☆"], 0.75),
        ("satisfaction", ["Satisfied", "very dissatisfied", "neutral"], 0.75),
        ("correct", ["WAHR", "FALSCH"], 1.0),
        ("helpful", ["oui", "non"], 1.0),
    ],
)
def test_common_value_notations(save: Save, name: str, cells: list[str], first: float) -> None:
    """D5."""
    (values,) = history(save(column(name, cells * 12))).values
    assert values.n == len(cells) * 12
    assert values.scale.metric.to_scale(values.scale.read(cells[0])) == pytest.approx(first)


def test_custom_words(save: Save) -> None:
    """D5."""
    path = save(column("verdict", ["prima", "kaputt", "prima"] * 20))
    result = run(path)
    assert result.exit_code == 2
    assert "words of unknown meaning: 'prima', 'kaputt' (line 2: 'prima'" in result.stderr
    assert "--good" in result.stderr
    (found,) = json.loads(run(path, "--good", "prima", "--bad", "kaputt", "--json").stdout)["results"]
    assert found["measured"]["mean"] == pytest.approx(2 / 3)


def test_nested_columns_and_an_index(save: Save) -> None:
    """D5."""
    rows = [{"Unnamed: 0": at, "feedback": {"user_score": 0.5, "n_tokens": at * 7}} for at in range(30)]
    assert [each.scale.column for each in history(save(rows, "a.jsonl")).values] == ["feedback.user_score"]


def test_repeated_hour_at_the_end_of_summer_time(save: Save) -> None:
    """D6: without a time zone the rows are mixed up; with one, the order of the file separates the two hours."""
    from zoneinfo import ZoneInfo

    zone, start = ZoneInfo("Europe/Berlin"), datetime(2026, 10, 24, 22, tzinfo=UTC)
    times = [start + at * timedelta(minutes=5) for at in range(60)]
    local = [at.astimezone(zone).replace(tzinfo=None).isoformat(" ") for at in times]
    rows = "time,score\n" + "".join(f"{at},{index % 2}\n" for index, at in enumerate(local))
    found = history(save(rows), zone="Europe/Berlin")
    assert list(found.at) == [at.timestamp() for at in times]
    back = history(save("time,score\n" + "".join(f"{at},1\n" for at in reversed(local)), "b.csv"), zone="Europe/Berlin")
    assert list(back.at) == [at.timestamp() for at in reversed(times)]
    assert "have no zone and are read as UTC (set it with --timezone)" in run(save(rows)).stdout


@pytest.mark.parametrize("orient", ["columns", "records", "split", "index", "table"])
def test_files_written_by_pandas(save: Save, orient: Any) -> None:
    """D8."""
    import pandas

    frame = pandas.DataFrame({"score": [0.5, 1.0] * 20, "version": ["a", "b"] * 20})
    assert history(save(frame.to_json(orient=orient), "past.json")).values[0].n == 40


def test_headers_and_totals(save: Save) -> None:
    """D8."""
    result = run(save("0.5,a\n0.7,b\n" * 20))
    assert (result.exit_code, "give --no-header" in result.stderr) == (2, True)
    assert run(save("0.5,a\n0.7,b\n" * 20), "--no-header", "--direction", "column 1=higher").exit_code == 0
    found = history(save("version,score\n" + "a,0.5\nb,0.7\n" * 20 + "Total,24\n"))
    assert (found.values[0].n, found.omissions.found["sums up the rows above it"].first) == (40, 42)
