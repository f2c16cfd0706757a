"""A Langfuse server without a network, and reports of its data."""

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

RunReport = Callable[..., Report]


@pytest.fixture(autouse=True)
def few_simulations(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use few simulations: the statement gets less precise, the code is the same."""
    monkeypatch.setattr(detectable, "RUNS", 1)


@pytest.fixture
def waits() -> list[float]:
    """The waits in seconds."""
    return []


@pytest.fixture
def run_report(waits: list[float]) -> RunReport:
    """Return a function that makes the report of a server's last 30 days."""

    def run_report(server: Langfuse, days: int = 30, **given: Any) -> Report:
        with server.client() as client:
            reader = Server("http://langfuse.test", client, lambda seconds, why: waits.append(seconds), lambda: NOW)
            options = given.pop("options", None) or BacktestOptions(ColumnChoice(**given))
            return run(days, options, reader, lambda stage, total: lambda done: None, NOW)

    return run_report
