"""Replaying files: every row counts once, in the requested order."""

import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import Result

from ratchet.cli.import_rows import parts, steps
from ratchet.tables import BadFile, read_records
from tests.support.command_line import run_command
from tests.support.ratchet_server import FakeServer

NOW = datetime(2026, 11, 21, tzinfo=UTC)
FRANK = [
    {"hash": f"h{number}", "model_name": model, "dataset": "cnndm", "Factuality": number / 4}
    for number in range(4)
    for model in ("bus", "bart")
]
HALUEVAL = [
    {"id": str(number), "query": f"q{number}", "response": f"r{number}", "hallucination": number == 1, "spans": []}
    for number in range(3)
]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeServer:
    fake = FakeServer()
    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", lambda _, request: fake.answer(request))
    monkeypatch.setenv("RATCHET_URL", "http://ratchet")
    monkeypatch.setenv("RATCHET_KEY", "rk_k_s")
    monkeypatch.chdir(tmp_path)
    fake.pages = {"GET /v1/session": {"scopes": ["ingest", "read"]}}
    return fake


@pytest.fixture
def replay(server: FakeServer, tmp_path: Path) -> Callable[..., Result]:
    def run(found: list[dict[str, Any]], *words: str) -> Result:
        file = tmp_path / "rows.jsonl"
        file.write_text("\n".join(map(json.dumps, found)), "utf-8")
        return run_command("replay", str(file), *words)

    return run


def executions(server: FakeServer) -> list[dict[str, Any]]:
    return [body for body in server.bodies.values() if "target" in body]


def test_frank_is_replayed_by_system(server: FakeServer, replay: Callable[..., Result]) -> None:
    result = replay(FRANK, "--as", "frank", "--order", "bart,bus")
    assert result.exit_code == 0, result.output
    assert result.stdout == "8 rows: 8 executions and 8 feedback new, 0 known before, 0 refused\n"
    assert [body["prompts"][0]["version"] for body in executions(server)] == ["bart"] * 4 + ["bus"] * 4
    first, *_ = executions(server)
    feedback = next(body for body in server.bodies.values() if body.get("execution_id") == first["id"])
    assert (first["target"], first["model"], first["attributes"]) == ("frank", "bart", {"dataset": "cnndm"})
    assert (feedback["kind"], feedback["name"], feedback["value"]) == ("score", "Factuality", 0.0)
    times = [body["occurred_at"] for body in executions(server)]
    assert times == sorted(times)


def test_second_replay_is_deduplicated(server: FakeServer, replay: Callable[..., Result]) -> None:
    for found, source in ((FRANK, "frank"), (HALUEVAL, "halueval")):
        replay(found, "--as", source)
        result = replay(found, "--as", source, "--json")
        report = json.loads(result.stdout)
        assert (report["executions"], report["feedback"], report["duplicates"]) == (0, 0, 2 * len(found))
    assert set(server.effects.values()) == {1}
    assert len(server.effects) == 2 * (len(FRANK) + len(HALUEVAL))


def test_halves_are_separate_versions(server: FakeServer, replay: Callable[..., Result]) -> None:
    replay(FRANK, "--as", "frank", "--order", "bart:0-2=first,bart:2-4=second", "--target", "halves")
    assert [body["prompts"][0]["version"] for body in executions(server)] == ["first"] * 2 + ["second"] * 2
    assert {body["target"] for body in executions(server)} == {"halves"}


def test_halueval_gives_consent_to_learning(server: FakeServer, replay: Callable[..., Result]) -> None:
    replay(HALUEVAL, "--as", "halueval")
    first, second, third = executions(server)
    assert (first["input"], first["output"], first["consent"]) == ("q0", "r0", {"learning": True})
    assert first["prompts"][0]["document"]["slots"] == {"examples": {"max": 5, "set": None}}
    assert "document" not in second["prompts"][0]
    assert first["prompts"][0]["digest"] == third["prompts"][0]["digest"]
    labels = [body["value"] for body in server.bodies.values() if body.get("kind") == "label"]
    assert labels == ["correct", "incorrect", "correct"]


def test_two_rows_with_one_id_are_two_executions(server: FakeServer, replay: Callable[..., Result]) -> None:
    found = [{**HALUEVAL[0], "id": "ID"}, {**HALUEVAL[1], "id": "ID"}]
    assert json.loads(replay(found, "--as", "halueval", "--json").stdout)["executions"] == 2


def test_events_are_sent_unchanged(server: FakeServer, replay: Callable[..., Result]) -> None:
    found = [
        {"execution": {"id": "e1", "target": "chat", "model": "m"}},
        {"feedback": {"execution_id": "e1", "kind": "thumb", "value": True}},
    ]
    assert replay(found, "--as", "events").exit_code == 0
    assert replay(found, "--as", "events").exit_code == 0
    assert len(server.effects) == 2
    assert server.bodies["e1"] == {"id": "e1", "target": "chat", "model": "m"}


def test_many_rows_with_lost_responses_count_once(server: FakeServer, replay: Callable[..., Result]) -> None:
    server.lost_answers = 2
    found = [{**HALUEVAL[0], "id": str(number)} for number in range(450)]
    result = replay(found, "--as", "halueval", "--json")
    report = json.loads(result.stdout)
    assert 2 <= report["duplicates"] <= 200, "the items of two batches, whose sizes follow the sender's thread"
    assert report["executions"] == 450 - report["duplicates"]
    assert server.effects.total() == 900


def test_rejected_rows_fail_the_command(server: FakeServer, replay: Callable[..., Result]) -> None:
    server.refuse = lambda item: "no" if item.get("value") == "incorrect" else None
    result = replay(HALUEVAL, "--as", "halueval")
    assert result.exit_code == 1
    assert "1 refused" in result.stdout


def test_wait_prints_the_new_regressions(server: FakeServer, replay: Callable[..., Result]) -> None:
    polls = iter([0, 5, 8, 8, 8])
    raised = [[{"regression_id": "old"}], [{"regression_id": "old"}, {"regression_id": "new", "metric": "score"}]]

    def quality(request: httpx.Request) -> dict[str, Any]:
        n = next(polls)
        return {"items": [{"measurement": {"n": n}}], "uncounted": {"unjoined": 3}, "next": None}

    def regressions(request: httpx.Request) -> dict[str, Any]:
        return {"items": raised[server.count("/v1/feedback") > 0], "next": None}

    server.pages |= {"GET /v1/quality": quality, "GET /v1/regressions": regressions}
    report = json.loads(replay(FRANK, "--as", "frank", "--wait", "--json").stdout)
    assert report["regressions"] == [raised[1][1]]


def test_missing_analysis_times_out(server: FakeServer, replay: Callable[..., Result]) -> None:
    server.pages |= {"GET /v1/quality": {"items": [], "next": None}, "GET /v1/regressions": {"items": [], "next": None}}
    result = replay(FRANK, "--as", "frank", "--wait", "--timeout", "0")
    assert (result.exit_code, "analysed 0 of 8" in result.stderr) == (5, True)


def test_a_rate_is_kept(replay: Callable[..., Result]) -> None:
    assert replay(FRANK, "--as", "frank", "--rate", "100000").exit_code == 0


@pytest.mark.parametrize(
    ("found", "words", "message"),
    [
        (FRANK, ["--as", "frank", "--order", "bart;bus"], "--order"),
        (FRANK, ["--as", "frank", "--order", "nobody"], "unknown system nobody"),
        (FRANK, ["--as", "halueval"], "no query"),
        (FRANK, ["--as", "else"], "--as"),
        ([{"other": 1}], ["--as", "events"], "no feedback"),
    ],
)
def test_usage_errors_have_code_2(
    replay: Callable[..., Result], found: list[dict[str, Any]], words: list[str], message: str
) -> None:
    result = replay(found, *words)
    assert (result.exit_code, message in result.stderr) == (2, True)


@pytest.mark.parametrize("text", ["{", "[]", "5"])
def test_malformed_line_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(f'{{"a": 1}}\n{text}\n')
    with pytest.raises(BadFile, match="line 2"):
        list(read_records(file))


def test_files_of_any_format_send_the_same(tmp_path: Path) -> None:
    """Ids depend on the content: the same rows as lines, array, CSV or compressed are the same executions."""
    lines = "".join(json.dumps(row) + "\n" for row in FRANK)
    table = "hash;model_name;dataset;Factuality\n" + "".join(
        f"{row['hash']};{row['model_name']};{row['dataset']};{str(row['Factuality']).replace('.', ',')}\n"
        for row in FRANK
    )
    files = {
        "rows.jsonl": ("\ufeff" + lines).encode(),
        "rows16.jsonl": lines.encode("utf-16"),
        "rows.json": json.dumps(FRANK, indent=2).encode(),
        "rows.jsonl.gz": gzip.compress(lines.encode()),
        "rows.csv": table.encode("utf-8-sig"),
    }
    planned = []
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
        found = [row for _, row in read_records(tmp_path / name)]
        planned.append(steps("frank", found, "frank", (), NOW))
    first, *others = planned
    assert len(first) == len(FRANK)
    assert all(other == first for other in others)


@given(st.permutations(FRANK), st.sampled_from(["bart,bus", "bus", "bart:1-3=x,bus:0-1"]))
def test_ids_depend_on_content_and_label_only(found: list[dict[str, Any]], order: str) -> None:
    planned = steps("frank", found, "frank", parts(order), NOW)
    again = steps("frank", found, "frank", parts(order), datetime(2027, 1, 1, tzinfo=UTC))
    ids = [step.executions[0].id for step in planned]
    assert ids == [step.executions[0].id for step in again]
    assert len(set(ids)) == len(ids)
    assert [step.feedback[0].id for step in planned] == [step.feedback[0].id for step in again]
