"""The folder of one installation: one owner at a time, and keys for its owner's eyes only."""

import os
import stat
from pathlib import Path

import pytest

from ratchet_local.data_dir import DataDir, DataDirInUse, display_path
from ratchet_local.server import greeting

_KEYS = {"url": "http://127.0.0.1:1", "ingest_key": "rk_i", "maker_key": "rk_m", "reviewer_key": "rk_r"}


@pytest.fixture
def home(tmp_path: Path) -> DataDir:
    return DataDir(tmp_path / ".ratchet")


def test_only_one_works_on_a_folder(home: DataDir) -> None:
    with home.lock(), pytest.raises(DataDirInUse, match=rf"in use by another ratchet-local \(pid {os.getpid()}\)"):
        home.lock()
    home.lock().close()
    assert stat.S_IMODE(home.folder.stat().st_mode) == 0o700


def test_credentials_come_back_and_are_for_their_owner_alone(home: DataDir) -> None:
    home.folder.mkdir()
    assert home.read_credentials() == {}
    home.write_credentials(_KEYS)
    assert home.read_credentials() == _KEYS
    assert stat.S_IMODE(home.credentials.stat().st_mode) == 0o600


def test_the_greeting_leads_into_the_console_and_shows_no_key(home: DataDir) -> None:
    said = greeting(home, "http://127.0.0.1:1", "/sign-in#rl_x", 1.23)
    assert "ready on http://127.0.0.1:1 in 1.2 s" in said
    assert "http://127.0.0.1:1/sign-in#rl_x\n" in said
    assert f"API keys: {home.credentials}" in said
    assert "rk_" not in said


def test_paths_are_told_as_somebody_here_would_type_them(home: DataDir, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home.folder.parent)
    assert display_path(home.credentials) == Path(".ratchet/credentials.json")
    assert display_path(Path("/elsewhere/log")) == Path("/elsewhere/log")
    link = "/sign-in#rl_" + 43 * "x"
    said = greeting(home, "http://127.0.0.1:8080", link, 12.34)
    assert "API keys: .ratchet/credentials.json; keep" in said
    assert ".venv/bin/ratchet sign-in" in said
    assert all(len(line) < 80 for line in said.splitlines())
