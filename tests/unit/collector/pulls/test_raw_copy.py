"""Erasure of a user from raw copies: their traces and the scores of these go, in all days and nowhere else."""

import json
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from collector.domain.pulls.pulled_item import PulledItem
from collector.pulls.raw_copy import append_raw, erase_raw

DAY = datetime(2026, 11, 21, 12, tzinfo=UTC)


def trace(name: str, user: str | None, at: datetime = DAY) -> PulledItem:
    raw = {"kind": "trace", "trace_id": name, "user_id": user, "prompt": "é"}
    return PulledItem("executions", {"id": name}, at, raw)


def score(name: str, about: str, at: datetime = DAY) -> PulledItem:
    return PulledItem("feedback", {"id": name}, at, {"kind": "score", "score_id": name, "trace_id": about})


def lines(folder: Path) -> list[dict[str, Any]]:
    files = sorted((folder / "support").glob("*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    later = DAY + timedelta(days=1)
    items = [trace("a", "u"), trace("b", "v"), trace("c", None), score("s", "b"), score("t", "a", later)]
    append_raw(tmp_path, "support", items)
    append_raw(tmp_path, "other", [trace("a", "u")])
    return tmp_path


def test_traces_of_the_user_and_their_scores_are_deleted_on_all_days(folder: Path) -> None:
    assert erase_raw(folder, "support", lambda user: user == "u") == 2
    assert [line["trace_id"] for line in lines(folder)] == ["b", "c", "b"]
    assert lines(folder)[0]["prompt"] == "é"
    assert erase_raw(folder, "support", lambda user: user == "u") == 0
    assert (folder / "other" / "2026-11-21.jsonl").read_text(), "each pull has its own folder"
    assert all(file.stat().st_mode & 0o077 == 0 for file in (folder / "support").iterdir())


def test_line_that_a_crash_has_cut_is_left_out(folder: Path) -> None:
    file = folder / "support" / "2026-11-21.jsonl"
    file.write_bytes(file.read_bytes()[:-5])
    assert erase_raw(folder, "support", lambda user: user == "u") == 2
    assert [line["trace_id"] for line in lines(folder)] == ["b", "c"]


def test_pull_without_copies_has_nothing_to_erase(tmp_path: Path) -> None:
    assert erase_raw(tmp_path, "support", lambda _: True) == 0
    assert list(tmp_path.iterdir()) == []


def test_lines_that_are_appended_meanwhile_are_kept(folder: Path) -> None:
    appended = threading.Event()

    def append() -> None:
        append_raw(folder, "support", [trace("d", "v")])
        appended.set()

    writer = threading.Thread(target=append)

    def is_theirs(user: str) -> bool:
        if not writer.is_alive() and not appended.is_set():
            writer.start()
        return user == "u"

    erase_raw(folder, "support", is_theirs)
    writer.join()
    assert [line["trace_id"] for line in lines(folder)] == ["b", "c", "b", "d"]
