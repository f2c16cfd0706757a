"""Why a file cannot be used, and what is left for a person to decide."""

from dataclasses import dataclass
from typing import Any


class BadFile(ValueError):
    """The file, or what was asked of it, cannot be used as it is; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Option:
    """One answer to a doubt: the flag that gives it, what it means, and the field of the question that it sets."""

    flag: str
    meaning: str
    field: str
    value: Any


class Doubt(BadFile):
    """Two readings of the file are possible. `options` are the answers that a person can give."""

    def __init__(self, problem: str, *options: Option) -> None:
        flags = " or ".join(option.flag for option in options)
        super().__init__(f"{problem}: give {flags}" if options else problem)
        self.problem = problem
        self.options = options
