"""Exports of common tools, each recognised by its columns."""

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ratchet_backtest.column_roles import ColumnChoice
from ratchet_backtest.dataset import Dataset
from ratchet_backtest.loader import load_dataset
from ratchet_backtest.runner import BacktestOptions, interpret_file

Rows = Sequence[Mapping[str, Any]]
N = range(60)


def _at(row: int, tail: str = "") -> str:
    return f"2026-03-{1 + row // 24:02}T{row % 24:02}:00:00{tail}"


def _lines(rows: Rows) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def _table(rows: Rows) -> str:
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def langfuse_blob_scores() -> str:
    kinds = (("helpfulness", "NUMERIC"), ("toxicity", "NUMERIC"), ("verdict", "CATEGORICAL"))
    return _lines(
        [
            {
                "id": f"s{row}",
                "timestamp": _at(row, ".963000").replace("T", " "),
                "project_id": "p",
                "trace_id": f"t{row}",
                "observation_id": None,
                "name": kinds[row % 3][0],
                "value": 0.5 if row % 3 < 2 else 0,
                "source": "EVAL",
                "comment": None,
                "data_type": kinds[row % 3][1],
                "string_value": "correct" if row % 3 == 2 else None,
            }
            for row in N
        ]
    )


def langfuse_traces() -> str:
    return _table(
        [
            {
                "id": f"t{row}",
                "timestamp": _at(row, ".000Z"),
                "name": "chat",
                "userId": f"u{row % 5}",
                "input": "why",
                "output": "so",
                "latency": 1.2,
                "totalCost": 0.001,
                "tags": "[]",
                "version": "v1",
                "scores": json.dumps({"helpfulness": [row % 2]}),
                "metadata": "{}",
            }
            for row in reversed(N)
        ]
    )


def langsmith_runs() -> str:
    return _lines(
        [
            {
                "id": f"r{row}",
                "name": "chain",
                "run_type": "chain",
                "start_time": _at(row),
                "end_time": _at(row, ".5"),
                "status": "success",
                "error": None,
                "inputs": {"question": "why"},
                "outputs": {"answer": "so"},
                "feedback_stats": {"user_score": {"n": 1, "avg": row % 2}},
                "total_tokens": 55,
            }
            for row in N
        ]
    )


def langsmith_experiment() -> str:
    return _table(
        [
            {
                "id": f"e{row}",
                "inputs.question": "why",
                "outputs.answer": "so",
                "reference_outputs.answer": "so",
                "correctness": row % 2,
                "latency": 1.2,
                "status": "success",
                "error": "",
                "start_time": _at(row),
            }
            for row in N
        ]
    )


def promptfoo() -> str:
    results = [
        {
            "id": f"i{row}",
            "provider": {"id": "openai:gpt-4o"},
            "prompt": {"raw": "…", "label": f"p{row // 30}"},
            "vars": {"question": "why"},
            "response": {"output": "so", "tokenUsage": {"total": 10}},
            "success": bool(row % 2),
            "score": float(row % 2),
            "namedScores": {"faithfulness": 0.5 + row % 2 / 3},
            "latencyMs": 100 + row,
            "cost": 0.01,
            "testIdx": row,
            "promptIdx": row // 30,
        }
        for row in N
    ]
    report = {"version": 3, "prompts": [{"label": "p0"}], "results": results, "stats": {"successes": 30}}
    return json.dumps({"evalId": "eval-x", "results": report, "config": {}}, indent=2)


def openai_evals() -> str:
    rows: list[Mapping[str, Any]] = [{"spec": {"eval_name": "x", "created_at": "2026-03-01 00:00:00"}}]
    for row in N:
        event = {"run_id": "r", "event_id": 2 * row, "sample_id": f"s{row}", "created_at": _at(row, "+00:00")}
        rows += [{**event, "type": "sampling", "data": {"prompt": "why", "sampled": ["so"]}}]
        rows += [{**event, "type": "match", "data": {"correct": bool(row % 2), "expected": "so", "picked": "so"}}]
    return _lines([*rows, {"final_report": {"accuracy": 0.5}}])


def argilla() -> str:
    return json.dumps(
        [
            {
                "id": f"a{row}",
                "status": "completed",
                "inserted_at": _at(row),
                "updated_at": _at(row),
                "fields": {"prompt": "why", "response": "so"},
                "suggestions": {},
                "vectors": {},
                "responses": {"quality": [{"value": 1 + row % 5, "user_id": "u"}]},
            }
            for row in N
        ]
    )


def mlflow() -> str:
    names = [
        "inputs",
        "outputs",
        "toxicity/v1/score",
        "faithfulness/v1/score",
        "faithfulness/v1/justification",
        "token_count",
    ]
    return json.dumps({"columns": names, "data": [["why", "so", 0.1, 4 + row % 2, "because", 20] for row in N]})


def ragas() -> str:
    return _table([{"user_input": "why", "response": "so", "faithfulness": 0.9, "answer_relevancy": 0.8} for _ in N])


def pandas_index() -> str:
    return _table([{"": row, "score": 0.5, "version": "a"} for row in N])


EXPORTS: tuple[tuple[Callable[[], str], str, str | None, str | None, dict[str, int]], ...] = (
    (langfuse_blob_scores, "s.jsonl", "timestamp", None, {"helpfulness": 20, "toxicity": 20, "verdict": 20}),
    (langfuse_traces, "t.csv", "timestamp", "version", {"scores.helpfulness": 60}),
    (langsmith_runs, "r.jsonl", "start_time", None, {"feedback_stats.user_score.avg": 60}),
    (langsmith_experiment, "e.csv", "start_time", None, {"correctness": 60}),
    (promptfoo, "results.json", None, "prompt.label", {"success": 60, "namedScores.faithfulness": 60}),
    (openai_evals, "log.jsonl", "created_at", None, {"data.correct": 60}),
    (argilla, "records.json", "inserted_at", None, {"responses.quality.value": 60}),
    (mlflow, "eval_results_table.json", None, None, {"toxicity/v1/score": 60, "faithfulness/v1/score": 60}),
    (ragas, "ragas.csv", None, None, {"faithfulness": 60, "answer_relevancy": 60}),
    (pandas_index, "frame.csv", None, "version", {"score": 60}),
)


@pytest.mark.parametrize(
    ("export", "name", "time", "version", "values"), EXPORTS, ids=[one[0].__name__ for one in EXPORTS]
)
def test_export_is_recognised(
    tmp_path: Path,
    export: Callable[[], str],
    name: str,
    time: str | None,
    version: str | None,
    values: Mapping[str, int],
) -> None:
    path = tmp_path / name
    path.write_text(export(), "utf-8")
    found = interpret_file(path, BacktestOptions(ColumnChoice()))
    with closing(load_dataset(found.rows, found.columns, found.scales, lambda done: None, found.clock)) as history:
        _check(history, time, values)
    assert (found.columns.time, found.columns.version) == (time, version)
    assert not [note for note in found.notes if note.startswith("left out")]


def _check(history: Dataset, time: str | None, values: Mapping[str, int]) -> None:
    assert {each.scale.column: each.n for each in history.values} == values
    assert history.timed == (time is not None)
    assert list(history.at) == sorted(history.at) or history.newest_first
