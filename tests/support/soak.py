"""How much of a long test runs: little in `make test`, everything in `make soak` (RATCHET_SOAK=1)."""

import os
from typing import TypeVar

T = TypeVar("T")


def soak() -> bool:
    """Whether this run is for the full counts of docs/reliability.md."""
    return os.environ.get("RATCHET_SOAK") == "1"


def scaled(quick: T, full: T) -> T:
    """`full` in `make soak`, else `quick`."""
    return full if soak() else quick
