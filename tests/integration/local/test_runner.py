"""`ratchet-local` for a user: one command, one port, and it resumes after a stop."""

import json
import signal
import socket
import stat
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import psutil
import pytest

from ratchet_local.process import StartFailed, is_alive
from tests.support.eventually import eventually_sync
from tests.support.local import LocalRunner


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalRunner]:
    """A runner in a folder whose name needs quoting in a URL, in a list of settings, and in a command."""
    (folder := tmp_path_factory.mktemp("local") / 'ä ö, 50%41 #1 & "x"=?').mkdir()
    made = LocalRunner(folder / "data")
    made.start()
    yield made
    made.stop_all()


def _thumb(runner: LocalRunner, number: int) -> None:
    """Record an execution and a thumb up for it; both are acknowledged."""
    key = runner.credentials["ingest_key"]
    execution = {"id": f"run-{number}", "target": "bot", "prompts": [{"name": "answer", "version": "1"}]}
    assert runner.post("/v1/executions", execution, key)[0] == 200
    assert runner.post("/v1/feedback", {"execution_id": f"run-{number}", "kind": "thumb", "value": True}, key)[0] == 200


def _counted(runner: LocalRunner) -> int:
    """Return how many thumbs the analyzer has counted."""
    status, body = runner.get("/v1/quality?target=bot", runner.credentials["reviewer_key"])
    items = json.loads(body)["items"] if status == 200 else []
    return sum(item["measurement"]["n"] for item in items if item["metric"] == "thumb")


def test_credentials_are_private_and_the_terminal_shows_a_sign_in_link(runner: LocalRunner) -> None:
    kept = runner.folder / "credentials.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert set(runner.credentials) == {"url", "ingest_key", "maker_key", "reviewer_key", "admin_key", "public_key"}
    assert runner.credentials["url"] == runner.url
    assert "rk_" not in runner.output
    assert runner.output.count("/sign-in#rl_") == 1


def test_page_health_and_metrics_cover_all_services(runner: LocalRunner) -> None:
    assert b"<h1>Sign in to Ratchet</h1>" in runner.get("/")[1]
    assert set(json.loads(runner.get("/health/ready")[1])["services"]) == {
        "analyzer", "collector", "console", "evaluator", "gatekeeper", "proposer",
    }  # fmt: skip
    assert b'ratchet_info{service="analyzer"} 1.0' in runner.get("/metrics")[1]
    status, body = runner.get("/v1/nothing")
    assert (status, json.loads(body)["code"]) == (404, "not-found")


def test_restart_resumes_with_all_data(runner: LocalRunner) -> None:
    before = runner.credentials
    _thumb(runner, 1)
    eventually_sync(lambda: _counted(runner) == 1)
    assert runner.stop(signal.SIGINT) == 0
    runner.start()
    _thumb(runner, 2)
    eventually_sync(lambda: _counted(runner) == 2)
    _thumb(runner, 3)
    runner.kill()
    runner.start()
    eventually_sync(lambda: _counted(runner) == 3)
    assert runner.credentials == before


def test_keys_lost_before_being_written_are_issued_again(runner: LocalRunner) -> None:
    before = runner.credentials
    runner.stop()
    kept = {name: value for name, value in before.items() if name != "maker_key"}
    (runner.folder / "credentials.json").write_text(json.dumps(kept))
    runner.start()
    assert runner.credentials["maker_key"] != before["maker_key"]
    assert runner.credentials["ingest_key"] == before["ingest_key"]
    for path in ("/v1/loop", "/v1/executions", "/v1/quality", "/v1/candidates", "/v1/datasets"):
        assert runner.get(path, runner.credentials["maker_key"])[0] == 200, path
    assert runner.get("/v1/loop", before["maker_key"])[0] == 401


def test_signal_ends_all_started_processes(runner: LocalRunner) -> None:
    family = runner.family()
    assert runner.stop(signal.SIGTERM) == 0
    eventually_sync(lambda: not any(process.is_running() for process in family))
    assert runner.output.rstrip().endswith("ratchet: all ended")
    runner.start()


def test_second_runner_on_the_same_data_is_rejected(runner: LocalRunner) -> None:
    second = LocalRunner(runner.folder)
    done = subprocess.run(second.command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "is in use by another ratchet-local (pid" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_occupied_port_is_reported_in_one_line(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        blocked = LocalRunner(tmp_path / "data", other.getsockname()[1])
        done = subprocess.run(blocked.command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stderr == (f"ratchet: port {blocked.port} is in use: choose another with --port (make run PORT=…)\n")
    running = [process.info for process in psutil.process_iter(["name", "cmdline"])]
    assert not any("postgres" in p["name"] and str(tmp_path) in " ".join(p["cmdline"] or ()) for p in running)


def test_a_runner_that_is_not_ready_in_time_is_stopped(tmp_path: Path) -> None:
    started: list[psutil.Popen] = []

    def start_process(command: Sequence[str], log: Path, environment: Mapping[str, str]) -> psutil.Process:
        log.touch()
        started.append(psutil.Popen(["sleep", "600"]))
        return started[-1]

    with pytest.raises(StartFailed, match="not ready within 0 s"):
        LocalRunner(tmp_path / "data", start_process=start_process).start(within=0.0)
    assert not is_alive(started[0])
