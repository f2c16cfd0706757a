"""Servers of tests keep their data in memory where there is enough, and leave none behind."""

import os
import subprocess
import sys
from pathlib import Path

from tests.support.memory_folder import memory_folder


def test_folder_exists_until_the_end(tmp_path: Path) -> None:
    with memory_folder(tmp_path, 1) as folder:
        assert folder is not None
        assert folder.parent == tmp_path
        (folder / "data").mkdir()
    assert list(tmp_path.iterdir()) == []


def test_no_folder_without_enough_memory(tmp_path: Path) -> None:
    for memory, needed in ((tmp_path, 1 << 60), (tmp_path / "missing", 1)):
        with memory_folder(memory, needed) as folder:
            assert folder is None


def test_only_folders_of_killed_processes_are_removed(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    abandoned, used, other = (
        tmp_path / name for name in (f"ratchet-tests-{ended.pid}-x", f"ratchet-tests-{os.getppid()}-x", "PostgreSQL.1")
    )
    for folder in (abandoned, used, other):
        folder.mkdir()
    with memory_folder(tmp_path, 1):
        assert not abandoned.exists()
        assert used.exists()
        assert other.exists()
