"""docs/one-event.md names the functions that process an event, in order."""

import subprocess
import sys

import pytest

from tests.architecture.trace import DOCUMENT, missing_steps, steps
from tests.support.uninstrumented import environment_without_coverage


@pytest.mark.postgres
def test_documented_steps_run_in_order() -> None:
    """Run in a subprocess: the trace replaces the tracer of coverage."""
    command = [sys.executable, "-m", "tests.architecture.trace", "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment_without_coverage())
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]


def test_both_halves_of_the_path_are_documented() -> None:
    thumb, loop = steps(DOCUMENT.read_text())
    assert len(thumb) >= 20
    assert len(loop) >= 15


def test_step_out_of_order_is_reported_as_missing() -> None:
    calls = [("a.py", "first"), ("b.py", "second.inner")]
    assert missing_steps([("a.py", "first"), ("b.py", "second")], calls) == []
    assert missing_steps([("b.py", "second"), ("a.py", "first")], calls) == ["a.py · first"]
