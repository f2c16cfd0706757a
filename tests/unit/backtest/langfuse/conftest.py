"""A Langfuse server without a network, and a report of what it has."""

from collections.abc import Callable
from typing import Any

import pytest

from ratchet_backtest import detectable_drop as detectable
from ratchet_backtest.column_roles import ColumnChoice
from ratchet_backtest.langfuse.http import Server
from ratchet_backtest.langfuse.runner import run
from ratchet_backtest.report import Report
from ratchet_backtest.runner import BacktestOptions
from tests.support.langfuse import Langfuse
from tests.support.langfuse_history import NOW

Told = Callable[..., Report]


@pytest.fixture(autouse=True)
def few_simulations(monkeypatch: pytest.MonkeyPatch) -> None:
    """The statement is as rough as that; its code is the same."""
    monkeypatch.setattr(detectable, "RUNS", 1)


@pytest.fixture
def waits() -> list[float]:
    """The seconds that were waited."""
    return []


@pytest.fixture
def told(waits: list[float]) -> Told:
    """The report of a server's last 30 days."""

    def told(server: Langfuse, days: int = 30, **given: Any) -> Report:
        with server.client() as client:
            reader = Server("http://langfuse.test", client, lambda seconds, why: waits.append(seconds), lambda: NOW)
            options = given.pop("options", None) or BacktestOptions(ColumnChoice(**given))
            return run(days, options, reader, lambda stage, total: lambda done: None, NOW)

    return told
