"""Settings for simulations of backtests."""

import pytest

from ratchet_backtest import detectable_drop as detectable


@pytest.fixture(autouse=True)
def few_simulations(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use few simulations: the statement gets less precise, the code is the same."""
    monkeypatch.setattr(detectable, "RUNS", 5)
