"""Another thousand generated files with known contents.

The checks are in tests/support/backtest_checks.py; RATCHET_SOAK=1 compares the verdicts of all. There are two files
because test processes distribute work by file.
"""

from pathlib import Path

import pytest

from ratchet_backtest import detectable_drop as detectable
from tests.support.backtest_checks import faults


@pytest.mark.parametrize("shard", range(10, 20))
def test_every_file_is_read_correctly_or_rejected(shard: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detectable, "RUNS", 1)
    assert not faults(shard, tmp_path)
