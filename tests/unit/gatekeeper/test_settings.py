"""Invalid settings end the start with one line."""

from pathlib import Path

import pytest

from gatekeeper.settings import GatekeeperSettings
from ratchet.signing import new_private_key

GOOD = {"RATCHET_DATABASE_URL": "postgresql://db/ratchet", "RATCHET_KAFKA_BOOTSTRAP": "kafka:9092"}


def load(monkeypatch: pytest.MonkeyPatch, **more: str) -> GatekeeperSettings:
    for name, value in {**GOOD, **more}.items():
        monkeypatch.setenv(name, value)
    return GatekeeperSettings.load()


def test_the_key_comes_from_the_environment_or_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    private = new_private_key()
    (tmp_path / "key").write_text(private + "\n")
    by_file = load(monkeypatch, RATCHET_SIGNING_KEY_FILE=str(tmp_path / "key"))
    by_text = load(monkeypatch, RATCHET_SIGNING_KEY=private)
    assert by_file.signer().public == by_text.signer().public
    assert private not in repr(by_text)


@pytest.mark.parametrize("wrong", [{}, {"RATCHET_SIGNING_KEY": "short"}, {"RATCHET_SIGNING_KEY_FILE": "/nowhere"}])
def test_invalid_key_ends_the_start(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], wrong: dict[str, str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        load(monkeypatch, **wrong)
    assert stopped.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1
