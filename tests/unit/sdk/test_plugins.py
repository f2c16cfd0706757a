"""Commands provided by other packages."""

import sys
from collections.abc import Sequence
from importlib.metadata import EntryPoint

import pytest
from typer.testing import CliRunner

from ratchet.cli import app, plugins


def greet(name: str, loud: bool = False) -> None:
    """Says hello."""
    print(f"hello {name}{'!' if loud else ''}")


def bring(monkeypatch: pytest.MonkeyPatch, *found: EntryPoint) -> None:
    def entry_points(group: str) -> Sequence[EntryPoint]:
        return [point for point in found if point.group == group]

    monkeypatch.setattr(plugins, "entry_points", entry_points)


def test_command_of_another_package_is_available(monkeypatch: pytest.MonkeyPatch) -> None:
    bring(monkeypatch, EntryPoint("greet", f"{__name__}:greet", plugins.GROUP))
    monkeypatch.setitem(sys.modules, __name__, sys.modules[greet.__module__])
    assert CliRunner().invoke(app, ["greet", "you", "--loud"]).stdout == "hello you!\n"
    output = CliRunner().invoke(app, ["--help"]).stdout
    assert "Says hello." in output
    assert "replay" in output


def test_own_command_takes_precedence(monkeypatch: pytest.MonkeyPatch) -> None:
    bring(monkeypatch, EntryPoint("prompts", "nowhere:at_all", plugins.GROUP))
    assert CliRunner().invoke(app, ["prompts", "--help"]).exit_code == 0


def test_command_without_its_package_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    bring(monkeypatch)
    result = CliRunner().invoke(app, ["backtest", "past.jsonl"])
    assert result.exit_code == 1
    assert result.stderr == "ratchet: backtest is part of ratchet-backtest: pip install ratchet-backtest\n"
    assert CliRunner().invoke(app, ["nonsense"]).exit_code == 2
