"""Errors of files: unusable, or ambiguous."""

from dataclasses import dataclass
from typing import Any


class BadFile(ValueError):
    """The file or an option can't be used; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Option:
    """A resolution of a doubt: the option, its meaning, and the field that it sets."""

    flag: str
    meaning: str
    field: str
    value: Any


class Doubt(BadFile):
    """The file is ambiguous. `options` are the possible resolutions."""

    def __init__(self, problem: str, *options: Option) -> None:
        flags = " or ".join(option.flag for option in options)
        super().__init__(f"{problem}: give {flags}" if options else problem)
        self.problem = problem
        self.options = options
