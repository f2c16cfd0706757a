"""What a file holds that can't be counted, by reason: nothing is left out silently."""

from dataclasses import dataclass, field


class BadFile(ValueError):
    """The file, or what was asked of it, can't be used as it is; the message says what to do."""


@dataclass(slots=True)
class Trouble:
    """How many rows had it, and which was the first (line of a text file, row of a Parquet file; from 1)."""

    n: int
    first: int


@dataclass(slots=True)
class Troubles:
    """Rows or values that were left out, by reason, in the order in which the reasons came up."""

    found: dict[str, Trouble] = field(default_factory=dict)

    def count(self, number: int, reason: str) -> None:
        known = self.found.get(reason)
        if known is None:
            self.found[reason] = Trouble(1, number)
        else:
            known.n += 1

    @property
    def n(self) -> int:
        return sum(trouble.n for trouble in self.found.values())
