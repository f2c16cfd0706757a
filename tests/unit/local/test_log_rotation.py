"""Rotation of logs that grow: bounded size, without effect on their writers."""

import os
from pathlib import Path

import pytest

from ratchet_local import log_rotation
from ratchet_local.data_dir import DataDir
from ratchet_local.log_rotation import rotate, rotate_all, rotate_periodically
from tests.support.eventually import eventually_sync


def test_log_being_written_is_bounded_and_keeps_recent_lines(tmp_path: Path) -> None:
    log = tmp_path / "postgres.log"
    with log.open("a", buffering=1) as writer:  # as our own log, and those of the servers, with O_APPEND
        for number in range(1_000):
            writer.write(f"line {number:04}\n")
            rotate(log, 100)
            assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 210
    kept = (log.with_suffix(".log.1").read_text() + log.read_text()).splitlines()
    assert kept[-10:] == [f"line {number:04}" for number in range(990, 1_000)]
    assert b"\0" not in log.read_bytes(), "the writer continues at the new end"


def test_end_of_an_oversized_log_is_kept(tmp_path: Path) -> None:
    log = tmp_path / "ratchet.log"
    log.write_bytes(b"a" * 5_000 + b"z" * 100)
    log.chmod(0o600)
    assert rotate(log, 100)
    aside = log.with_suffix(".log.1")
    assert (aside.read_bytes(), log.read_bytes()) == (b"z" * 100, b"")
    assert aside.stat().st_mode & 0o777 == 0o600
    assert not rotate(log, 100)


def test_full_disk_loses_the_copy_but_keeps_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(log: Path, to: Path, limit: int) -> None:
        to.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(log_rotation, "_copy_end", full)
    log = tmp_path / "valkey.log"
    log.write_bytes(b"x" * 101)
    rotate_all(tmp_path, 100)
    assert [(file.name, file.stat().st_size) for file in tmp_path.iterdir()] == [("valkey.log", 0)]


def test_failure_for_one_log_does_not_affect_others(tmp_path: Path) -> None:
    os.symlink(tmp_path / "nowhere", tmp_path / "a.log")
    log = tmp_path / "b.log"
    log.write_bytes(b"x" * 101)
    rotate_all(tmp_path, 100)
    assert log.stat().st_size == 0


def test_rotation_runs_during_the_block(tmp_path: Path) -> None:
    home = DataDir(tmp_path)
    with home.open_log("ratchet") as log, rotate_periodically(home.log("ratchet").parent, every=0.001, limit=100):
        for _ in range(3):
            log.write("x" * 200 + "\n")
            eventually_sync(lambda: home.log("ratchet").stat().st_size == 0)
    assert home.log("ratchet").with_suffix(".log.1").stat().st_size == 100
