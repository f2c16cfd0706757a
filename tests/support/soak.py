"""The length of long tests: short in `make test`, full in `make soak` (RATCHET_SOAK=1), shorter in `make unit`."""

import os
from typing import TypeVar

from hypothesis import settings

T = TypeVar("T")


def soak() -> bool:
    """Return whether this run uses the full counts of docs/reliability.md."""
    return os.environ.get("RATCHET_SOAK") == "1"


def scaled(quick: T, full: T, unit: T | None = None) -> T:
    """Return `full` in `make soak`, `unit` in `make unit` if it is given, else `quick`."""
    if soak():
        return full
    return unit if unit is not None and settings.get_current_profile_name() == "ratchet-quick" else quick
