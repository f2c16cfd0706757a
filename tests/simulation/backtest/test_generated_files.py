"""A thousand files whose truth is known, and as many in test_generated_files_more.py.

The checks are in tests/support/backtest_checks.py; RATCHET_SOAK=1 compares the verdicts of all.
Test processes share work by file.
"""

from pathlib import Path

import pytest

from ratchet_backtest import detectable_drop as detectable
from tests.support.backtest_checks import faults


@pytest.mark.parametrize("shard", range(10))
def test_every_file_is_read_as_it_was_meant_or_refused(
    shard: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(detectable, "RUNS", 1)
    assert not faults(shard, tmp_path)
