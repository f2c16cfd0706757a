"""Kinds of implicit feedback: what a user did with an answer, and what it says about the answer.

`weight` is how much a kind says about an answer, compared with a thumb (1). `confidence` is the share of its changes
that comes from the answers; the rest has other reasons, such as a new page or other users. So a change of 5 points of
quality is first reported as 5 / confidence points of the kind's metric. These are assumptions, not measurements: people
who copy an answer may do so to correct it, and most of those who leave are content.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from shared.metric_catalog.definition import Direction

NextStep = Literal["requery", "regenerate", "abandon", "continue"]
ImplicitKind = Literal["click", "copy", "dwell", NextStep]


@dataclass(frozen=True, slots=True)
class ImplicitSignal:
    """What a kind of implicit feedback says about an answer."""

    direction: Direction
    weight: float
    confidence: float


IMPLICIT_KINDS: Final[Mapping[str, ImplicitSignal]] = MappingProxyType(
    {
        "click": ImplicitSignal("higher_is_better", 0.3, 0.4),
        "copy": ImplicitSignal("higher_is_better", 0.5, 0.6),
        "dwell": ImplicitSignal("undeclared", 0.2, 0.25),
        "requery": ImplicitSignal("lower_is_better", 0.5, 0.6),
        "regenerate": ImplicitSignal("lower_is_better", 0.7, 0.8),
        "abandon": ImplicitSignal("lower_is_better", 0.4, 0.4),
        "continue": ImplicitSignal("higher_is_better", 0.3, 0.4),
    }
)
NEXT_STEPS: Final[tuple[NextStep, ...]] = ("requery", "regenerate", "abandon", "continue")
"""What the user did after an answer: one of them, so each is a value of all four metrics, 1 of its own, else 0."""
