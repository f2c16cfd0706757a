"""A visitor's first minutes: a bot gets worse, the regression is found, the fix approved, and the bot recovers."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ratchet_local.process import is_alive
from tests.support.eventually import eventually_sync
from tests.support.full_loop import Site
from tests.support.local import LocalRunner
from tests.support.requirements import chromium
from tests.support.uninstrumented import environment_without_coverage


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[LocalRunner]:
    made = LocalRunner(tmp_path / "data")
    yield made
    made.stop_all()


@pytest.mark.postgres
@pytest.mark.timeout(1800)  # longer than our own deadlines, whose messages say more
@pytest.mark.skipif(chromium() is not None, reason="covered by tests/browser/test_story.py")
def test_first_visit_from_first_question_to_recovery(runner: LocalRunner, tmp_path: Path) -> None:
    """Run the demo's traffic at twice the rate of `make run`, and at that rate to the end."""
    runner.start()
    site = Site(**runner.credentials)
    env = environment_without_coverage(RATCHET_URL=site.url, RATCHET_KEY=site.ingest_key)
    words = ["--folder", str(tmp_path / "demo"), "--seed", "7", "--rate", "40", "--quiet-after", "1000000"]
    with subprocess.Popen([sys.executable, "-m", "ratchet_demo.main", *words], env=env) as bot:
        try:
            watch_and_approve(site, bot)
        finally:
            bot.terminate()
    assert bot.returncode == 0


def watch_and_approve(site: Site, bot: "subprocess.Popen[bytes]") -> None:
    def find_fix() -> dict[str, Any] | None:
        assert bot.poll() is None
        return next((item for item in site.items("/v1/proposals?state=open") if item["kind"] == "restore"), None)

    found = eventually_sync(find_fix, within=480)
    assert found is not None
    decision = {"verdict": "approved", "reason": "it cites again", "digest": found["digest"]}
    decided = site.post(f"/v1/proposals/{found['id']}/decisions", decision)
    assert decided.is_success, decided.text
    eventually_sync(lambda: {item["state"] for item in site.items("/v1/regressions")} == {"resolved"}, within=480)
    regressions = site.items("/v1/regressions")
    assert {item["target"] for item in regressions} == {"support-bot"}
    assert {item["metric"] for item in regressions} <= {"thumb", "implicit.thumb"}


@pytest.mark.postgres
def test_demo_is_announced_and_all_processes_end(runner: LocalRunner) -> None:
    runner.demo = "1"
    runner.start()
    site = Site(**runner.credentials)
    eventually_sync(lambda: sum(item["measurement"]["n"] for item in site.items("/v1/quality")) > 20)
    started = runner.family()
    assert any("ratchet_demo.main" in " ".join(process.cmdline()) for process in started)
    assert "The bot and its customers are simulated" in runner.output
    assert runner.stop() == 0
    assert not any(is_alive(process) for process in started)
    for log in ("demo", "ratchet"):
        assert "Traceback" not in (runner.folder / "log" / f"{log}.log").read_text()
