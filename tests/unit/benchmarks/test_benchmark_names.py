"""The driver names benchmarks that exist, and arguments that they take."""

import re
from collections.abc import Sequence

import pytest

from benchmarks.__main__ import BENCHMARKS
from benchmarks.driver import ROOT


@pytest.mark.parametrize(("name", "arguments"), BENCHMARKS.items())
def test_quick_arguments_exist(name: str, arguments: Sequence[str]) -> None:
    path = ROOT / "benchmarks" / name
    source = (path / "__main__.py" if path.is_dir() else path.with_suffix(".py")).read_text()
    taken = set(re.findall(r'add_argument\("(--[a-z-]+)"', source))
    assert {each for each in arguments if each.startswith("--")} <= taken
    assert "add_rows_option(parser)" in source
