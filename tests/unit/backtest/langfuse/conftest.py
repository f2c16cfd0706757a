"""A Langfuse server without a network, and reports of its data."""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest

from ratchet_backtest import detectable_drop as detectable
from ratchet_backtest.column_roles import ColumnChoice
from ratchet_backtest.langfuse.runner import run
from ratchet_backtest.report import Report
from ratchet_backtest.runner import BacktestOptions
from ratchet_langfuse.http import Server
from tests.support.langfuse import Langfuse
from tests.support.langfuse_history import FALLEN, NOW, server_with_history

RunReport = Callable[..., Report]
FallenReport = Callable[[str], tuple[Langfuse, Report]]


@pytest.fixture(autouse=True, scope="package")
def few_simulations() -> Iterator[None]:
    """Use few simulations: the statement gets less precise, the code is the same."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(detectable, "RUNS", 1)
        yield


@pytest.fixture
def waits() -> list[float]:
    """The waits in seconds."""
    return []


@pytest.fixture
def run_report(waits: list[float]) -> RunReport:
    """Return a function that makes the report of a server's last 30 days."""

    def run_report(server: Langfuse, days: int = 30, **given: Any) -> Report:
        return report_of(server, waits, days, given.pop("options", None) or BacktestOptions(ColumnChoice(**given)))

    return run_report


@pytest.fixture(scope="package")
def fallen_report() -> FallenReport:
    """Return a function that returns a server of a version with the history FALLEN, and its report, made once.

    Neither must be changed.
    """

    @cache
    def fallen_report(version: str) -> tuple[Langfuse, Report]:
        server = server_with_history(*FALLEN, version=version)
        return server, report_of(server, [], 30, BacktestOptions(ColumnChoice()))

    return fallen_report


def report_of(server: Langfuse, waits: list[float], days: int, options: BacktestOptions) -> Report:
    with server.client() as client:
        reader = Server("http://langfuse.test", client, lambda seconds, why: waits.append(seconds), lambda: NOW)
        return run(days, options, reader, lambda stage, total: lambda done: None, NOW)
