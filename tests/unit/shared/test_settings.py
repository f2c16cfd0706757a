"""Settings are validated at the start; errors are one line."""

from typing import ClassVar

import pytest

from shared.runtime.settings import ServiceSettings


class Settings(ServiceSettings):
    service: ClassVar[str] = "example"


GOOD = {"RATCHET_DATABASE_URL": "postgresql://u@h/db", "RATCHET_KAFKA_BOOTSTRAP": "a:9092,b:9092"}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_settings_are_read_from_the_environment(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("RATCHET_PORT", "9000")
    settings = Settings.load()
    assert settings.port == 9000
    assert settings.database_url == "postgresql+asyncpg://u@h/db"


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("RATCHET_DATABASE_URL", "mysql://x", "must start with postgresql://"),
        ("RATCHET_DATABASE_URL", None, "Field required"),
        ("RATCHET_KAFKA_BOOTSTRAP", "kafka", "must be host:port"),
        ("RATCHET_PORT", "99999", "less than or equal to 65535"),
        ("RATCHET_INSTANCE", "a b", "pattern"),
        ("RATCHET_LOG_LEVEL", "loud", "'debug', 'info'"),
    ],
)
def test_invalid_setting_ends_the_start_with_one_line(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str | None, says: str
) -> None:
    if value is None:
        environment.delenv(name)
    else:
        environment.setenv(name, value)
    with pytest.raises(SystemExit) as ended:
        Settings.load()
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"example: wrong settings: {name}: ")
    assert says in line


def test_error_line_contains_no_value(environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    environment.setenv("RATCHET_DATABASE_URL", "mysql://secret-password")
    with pytest.raises(SystemExit):
        Settings.load()
    assert "secret-password" not in capsys.readouterr().err


def test_instance_names_on_one_machine_differ_by_port(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("RATCHET_PORT", "9001")
    first = Settings.load().instance
    environment.setenv("RATCHET_PORT", "9002")
    assert first.endswith("-9001")
    assert Settings.load().instance.endswith("-9002")
