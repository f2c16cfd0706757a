"""Settings for simulations of backtests."""

import pytest

from ratchet_backtest import detectable_drop as detectable


@pytest.fixture(autouse=True)
def few_simulations(monkeypatch: pytest.MonkeyPatch) -> None:
    """The statement is as rough as that; its code is the same."""
    monkeypatch.setattr(detectable, "RUNS", 5)
