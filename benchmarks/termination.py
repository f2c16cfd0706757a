"""End of a benchmark by SIGTERM, as `timeout` sends it: its servers have sessions of their own, so it must end them."""

import signal
from types import FrameType

_EXIT_CODE = 128 + signal.SIGTERM


def exit_on_sigterm() -> None:
    """Raise SystemExit at the first SIGTERM, so that `with` and `finally` end servers; ignore further ones.

    A benchmark gets it twice from `timeout`: from its driver, and as a member of the process group.
    """
    signal.signal(signal.SIGTERM, _exit)


def _exit(number: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, _ignore)
    raise SystemExit(_EXIT_CODE)


def _ignore(number: int, frame: FrameType | None) -> None:
    """Do nothing. Unlike SIG_IGN this is not inherited by processes that are started meanwhile."""
