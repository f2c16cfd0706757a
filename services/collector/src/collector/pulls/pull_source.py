"""What the runner of a pull needs of a source."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from collector.domain.pulls.pull_state import ErrorCode
from collector.domain.pulls.pull_window import Slice
from collector.domain.pulls.pulled_item import PulledItem


class SourceError(Exception):
    """The source can't be read now. `code` is for programs; the message is one line for people, without keys."""

    def __init__(self, code: ErrorCode, reason: str) -> None:
        super().__init__(reason)
        self.code: ErrorCode = code


class SliceTooLarge(Exception):
    """A slice has more than fits into memory, or than the source returns; halves of it are to be read instead."""


class Stopped(Exception):
    """The process ends."""


class PullSource(Protocol):
    """A source that is read by blocking calls, in a thread."""

    def read(self, part: Slice) -> Iterator[Sequence[PulledItem]]:
        """Yield the items of a slice in groups, executions before their feedback.

        Raises SourceError, SliceTooLarge, or Stopped.
        """
        ...

    def close(self) -> None:
        """Close connections. Waits in progress raise Stopped."""
        ...


@runtime_checkable
class ScoreTarget(Protocol):
    """A source that takes scores back."""

    def write_score(self, body: Mapping[str, Any]) -> bool:
        """Write a score. Return False if the server refuses it for good. Raises SourceError or Stopped."""
        ...
