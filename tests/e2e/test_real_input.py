"""Public data sets of human judgements, replayed through the command line."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import fork_server
from tests.support.eventually import eventually_sync
from tests.support.full_loop import Site
from tests.support.local import LocalRunner
from tests.support.migrated_data import make_migrated
from tests.support.requirements import data_file
from tests.support.uninstrumented import environment_without_coverage


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    runner = LocalRunner(make_migrated(tmp_path_factory.mktemp("real") / "data"), start_process=fork_server.start)
    runner.start()
    yield Site(**runner.credentials)
    runner.stop_all()


def ratchet(site: Site, key: str, *words: str) -> Any:
    """Run the command and return its JSON output."""
    environment = environment_without_coverage(RATCHET_URL=site.url, RATCHET_KEY=key)
    done = subprocess.run(
        [str(Path(sys.executable).with_name("ratchet")), *words, "--json"],
        env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def replay_frank(site: Site, target: str, order: str) -> list[dict[str, Any]]:
    """Replay the judgements in `order`; return the regressions once all are counted."""
    path = data_file("frank.jsonl")
    summary = ratchet(site, site.ingest_key, "replay", str(path), "--as", "frank", "--order", order, "--target", target)
    assert summary["refused"] == 0
    eventually_sync(lambda: counted(site, target) == summary["feedback"], within=180)
    return site.items(f"/v1/regressions?target={target}")


def counted(site: Site, target: str, metric: str = "score.Factuality") -> int:
    """Return how many values of a metric are counted, over all versions."""
    measured = site.items(f"/v1/quality?target={target}")
    return sum(item["measurement"]["n"] for item in measured if item["metric"].startswith(metric))


@pytest.mark.parametrize(("worse", "mean"), [("bus", 0.708), ("s2s", 0.486)])
def test_a_worse_system_is_found_soon(site: Site, worse: str, mean: float) -> None:
    (found,) = replay_frank(site, f"bart-{worse}", f"bart,{worse}")
    baseline, current = found["baseline"], found["current"]
    assert baseline["mean"] == pytest.approx(0.933, abs=0.01)
    assert current["mean"] == pytest.approx(mean, abs=0.08)
    assert 100 <= current["n"] <= 120
    assert baseline["n"] == 250
    for side in (baseline, current):
        assert side["low"] < side["mean"] < side["high"]
    assert found["delta_pp"] == pytest.approx(100 * (current["mean"] - baseline["mean"]), abs=0.1)
    assert found["causes"][0]["after"] == f"label:{worse}"


@pytest.mark.parametrize(
    ("target", "order"), [("halves", "bart:0-125=first,bart:125-250=second"), ("small", "bart,bert_sum")]
)
def test_no_drop_and_a_drop_below_the_floor_raise_nothing(site: Site, target: str, order: str) -> None:
    assert replay_frank(site, target, order) == []


def test_3000_answers_are_counted_once_and_candidates_are_shown(site: Site) -> None:
    path = str(data_file("halueval-general.jsonl"))
    summary = ratchet(site, site.ingest_key, "replay", path, "--as", "halueval")
    assert (summary["executions"], summary["feedback"], summary["refused"]) == (3000, 3000, 0)
    again = ratchet(site, site.ingest_key, "replay", path, "--as", "halueval")
    assert again["duplicates"] == 6000, "a second replay is deduplicated"

    eventually_sync(lambda: counted(site, "halueval", "label") == 3000, within=180)
    options = ("candidates", "--name", "answer", "--chosen")
    chosen = eventually_sync(lambda: ratchet(site, site.reviewer_key, *options)["items"], within=180)
    assert len(chosen) <= 5
    assert all(candidate["chosen"] for candidate in chosen)


def test_an_imported_file_is_measured_once(site: Site, tmp_path: Path) -> None:
    file = tmp_path / "past.csv"
    rows = "".join(f"2026-11-{day:02} 10:{minute:02},q,a,up\n" for day in range(1, 6) for minute in range(60))
    file.write_text(f"timestamp,question,answer,liked\n{rows}", "utf-8")
    options = ("--target", "imported", "--map", "feedback.thumb=liked")
    summary = ratchet(site, site.ingest_key, "import", str(file), *options)
    assert summary == {"executions": 300, "feedback": 300, "duplicates": 0, "rejected": 0}
    assert ratchet(site, site.ingest_key, "import", str(file), *options)["duplicates"] == 600
    eventually_sync(lambda: counted(site, "imported", "thumb") == 300, within=180)
