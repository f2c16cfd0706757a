"""The JavaScript client: its own tests, run by Node.js, and the vectors that both clients share."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.client_digests import lines
from tests.support.sdk_js import SDK_JS, build, node

_SMALL_COUNT = 3_000


@pytest.fixture(scope="module")
def built() -> Path:
    return build()


def test_its_own_tests_pass(built: Path) -> None:
    files = sorted(str(path) for path in SDK_JS.glob("test/*.test.mjs"))
    done = subprocess.run(
        [node(), "--test", *files], cwd=SDK_JS, check=False, capture_output=True, text=True, encoding="utf-8",
        env={**os.environ, "NO_COLOR": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert "# fail 0" in done.stdout or "ℹ fail 0" in done.stdout


def test_digests_of_random_documents_agree(built: Path) -> None:
    """`make vectors` compares many more."""
    done = subprocess.run(
        [node(), str(SDK_JS / "test" / "digests.mjs")], input="".join(lines(_SMALL_COUNT, seed=1)),
        check=False, capture_output=True, text=True, encoding="utf-8",
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, f"{_SMALL_COUNT} documents, 0 differ\n")
