"""Whether the code that runs is a call of an evaluation: what it records is not traffic of the app, and is not sent."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_EVALUATED: ContextVar[bool] = ContextVar("ratchet_evaluated", default=False)


def is_evaluated() -> bool:
    """Return whether this thread or task runs a call of an evaluation."""
    return _EVALUATED.get()


@contextmanager
def evaluated_call() -> Iterator[None]:
    """Mark what runs in the block, and asyncio tasks that it starts, as a call of an evaluation."""
    token = _EVALUATED.set(True)
    try:
        yield
    finally:
        _EVALUATED.reset(token)
