"""The data folder of an installation: one process at a time, and keys readable only by the owner."""

import os
import stat
from pathlib import Path

import pytest

from ratchet_local.data_dir import DataDir, DataDirInUse, display_path
from ratchet_local.server import greeting

_KEYS = {"url": "http://127.0.0.1:1", "ingest_key": "rk_i", "maker_key": "rk_m", "reviewer_key": "rk_r"}


@pytest.fixture
def data_dir(tmp_path: Path) -> DataDir:
    return DataDir(tmp_path / ".ratchet")


def test_folder_is_locked_by_one_process(data_dir: DataDir) -> None:
    with data_dir.lock(), pytest.raises(DataDirInUse, match=rf"in use by another ratchet-local \(pid {os.getpid()}\)"):
        data_dir.lock()
    data_dir.lock().close()
    assert stat.S_IMODE(data_dir.folder.stat().st_mode) == 0o700


def test_credentials_are_stored_readable_by_the_owner_only(data_dir: DataDir) -> None:
    data_dir.folder.mkdir()
    assert data_dir.read_credentials() == {}
    data_dir.write_credentials(_KEYS)
    assert data_dir.read_credentials() == _KEYS
    assert stat.S_IMODE(data_dir.credentials.stat().st_mode) == 0o600


def test_greeting_has_a_console_link_and_no_key(data_dir: DataDir) -> None:
    output = greeting(data_dir, "http://127.0.0.1:1", "/sign-in#rl_x", "127.0.0.1:2", 1.23)
    assert "ready on http://127.0.0.1:1 in 1.2 s" in output
    assert "http://127.0.0.1:1/sign-in#rl_x\n" in output
    assert f"API keys: {data_dir.credentials}" in output
    assert "feedback.submitted): 127.0.0.1:2\n" in output
    assert "rk_" not in output


def test_paths_are_relative_to_the_current_folder(data_dir: DataDir, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(data_dir.folder.parent)
    assert display_path(data_dir.credentials) == Path(".ratchet/credentials.json")
    assert display_path(Path("/elsewhere/log")) == Path("/elsewhere/log")
    link = "/sign-in#rl_" + 43 * "x"
    output = greeting(data_dir, "http://127.0.0.1:8080", link, "127.0.0.1:45678", 12.34)
    assert "API keys: .ratchet/credentials.json; keep" in output
    assert ".venv/bin/ratchet sign-in" in output
    assert all(len(line) < 80 for line in output.splitlines())
