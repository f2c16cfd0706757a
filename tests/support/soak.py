"""The length of long tests: short in `make test`, full in `make soak` (RATCHET_SOAK=1)."""

import os
from typing import TypeVar

T = TypeVar("T")


def soak() -> bool:
    """Return whether this run uses the full counts of docs/reliability.md."""
    return os.environ.get("RATCHET_SOAK") == "1"


def scaled(quick: T, full: T) -> T:
    """Return `full` in `make soak`, else `quick`."""
    return full if soak() else quick
