"""`ratchet annotation`: what is sent, what is shown, and what is left out."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.command_line import run_command
from tests.support.ratchet_server import FakeServer

QUEUE: dict[str, Any] = {
    "name": "mail", "target": "bot", "annotators": 2,
    "tasks": {"open": 3, "agreed": 4, "disagreement": 1, "adjudicated": 2},
}  # fmt: skip
FIGURE = {"value": 0.5, "low": 0.25, "high": 0.75, "n": 12}
RESULTS = {
    "tasks": QUEUE["tasks"],
    "agreement": [{"question": "helpful", "cohen_kappa": FIGURE, "fleiss_kappa": None,
                   "krippendorff_alpha": {"value": None, "low": None, "high": None, "n": 12}}],
    "annotators": [{"annotator": "ann", "question": "helpful", "share_agreeing": FIGURE, "mean_difference": None}],
}  # fmt: skip
CREATE = ("annotation", "create", "mail", "rubric.json", "--target", "bot", "--yes")


def execution(number: int, **fields: Any) -> dict[str, Any]:
    contexts = [{"id": None, "text": "c"}, {"id": "d", "text": None}]
    return {"id": f"e/{number}", "input": "q", "output": "a", "contexts": contexts, "consent": None, **fields}


@pytest.fixture(autouse=True)
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeServer:
    fake = FakeServer()
    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", lambda _, request: fake.answer(request))
    monkeypatch.setenv("RATCHET_URL", "http://ratchet")
    monkeypatch.setenv("RATCHET_KEY", "rk_k_s")
    monkeypatch.chdir(tmp_path)
    path = "/v1/annotation-queues"
    refused = execution(2, consent={"quality": False, "learning": None})
    lines = [execution(0), execution(1, output=None), refused, execution(3), execution(4)]
    fake.pages = {
        f"GET {path}": {"items": [QUEUE], "next": None},
        f"GET {path}/mail": QUEUE,
        f"PUT {path}/mail": QUEUE,
        f"POST {path}/mail/tasks": lambda it: {"added": len(json.loads(it.content)["tasks"]), "repeated": 0},
        f"GET {path}/mail/results": RESULTS,
        f"GET {path}/mail/export": httpx.Response(200, content=b'{"id": 1}\n'),
        "GET /v1/executions/e/0": execution(0),
        "GET /v1/executions/export": httpx.Response(200, content="".join(json.dumps(it) + "\n" for it in lines)),
    }
    return fake


def sent(server: FakeServer) -> Any:
    return json.loads(server.requests[-1].content)


def test_a_queue_is_created_from_a_file(server: FakeServer) -> None:
    Path("rubric.json").write_text('[{"name": "helpful", "kind": "thumb", "title": "?"}]')
    done = run_command(*CREATE, "--annotators", "2")
    assert (done.exit_code, done.output) == (0, "mail: 1 questions, 2 annotators for each answer of bot\n")
    assert sent(server) == {
        "target": "bot", "annotators": 2, "rubric": [{"name": "helpful", "kind": "thumb", "title": "?"}]
    }  # fmt: skip
    for wrong in ("{}", "[", "\xff"):
        Path("rubric.json").write_text(wrong, encoding="latin-1")
        assert run_command(*CREATE).exit_code == 2


def test_executions_that_match_are_added_without_those_that_may_not_be_used(server: FakeServer) -> None:
    done = run_command("annotation", "add", "mail", "--feedback", "thumb", "--limit", "4", "--yes")
    assert (done.exit_code, done.output) == (0, "mail: 2 added, 0 were there, 2 left out\n")
    [exported] = [it for it in server.requests if it.url.path.endswith("/executions/export")]
    assert dict(exported.url.params) == {"format": "jsonl", "target": "bot", "feedback": "thumb"}
    assert sent(server)["tasks"][0] == {
        "execution_id": "e/0", "input": "q", "output": "a", "contexts": [{"id": None, "text": "c"}], "consent": None
    }  # fmt: skip


def test_executions_are_added_by_id(server: FakeServer) -> None:
    done = run_command("annotation", "add", "mail", "--execution", "e/0", "--yes", "--json")
    assert json.loads(done.stdout) == {"queue": "mail", "added": 1, "repeated": 0, "left_out": 0}
    assert run_command("annotation", "add", "mail", "--execution", "e/0", "--min", "1", "--yes").exit_code == 2
    assert run_command("annotation", "add", "mail").exit_code == 6, "not confirmed"


def test_queues_and_results_are_shown(server: FakeServer) -> None:
    assert "mail" in run_command("annotation", "list").output
    output = run_command("annotation", "show", "mail").output
    assert "3 open, 4 agreed, 1 to decide, 2 decided" in output
    assert "0.50 [0.25, 0.75] (n=12)" in output
    assert "- (n=12)" in output
    assert json.loads(run_command("annotation", "show", "mail", "--json").stdout) == RESULTS


def test_annotations_are_exported_to_a_file(server: FakeServer) -> None:
    assert run_command("annotation", "export", "mail", "mail.jsonl").exit_code == 0
    assert Path("mail.jsonl").read_text() == '{"id": 1}\n'
    assert run_command("annotation", "export", "none", "none.jsonl").exit_code == 7
    assert not Path("none.jsonl").exists()
