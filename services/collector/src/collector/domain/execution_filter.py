"""Filters of the execution log. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from shared.events.feedback import ExecutionRecorded, Outcome

FeedbackFilter = Literal["any", "none", "thumb", "rating", "label", "score", "comment", "correction"]
"""Executions with feedback of this kind, with any, or without."""

EXECUTION_METRICS = {
    "latency_ms": "latency_ms",
    "cost_usd": "cost",
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
}
"""Metric → the field of an execution. All other metrics are scores or values of feedback."""
_VALUES = re.compile(r"(implicit\.)?((thumb|rating)(\..+)?|score\..+)", re.DOTALL)
_USER_HASH = re.compile(r"[A-Za-z0-9_.-]+:[0-9a-f]{32}")


def is_metric(name: str) -> bool:
    """Return whether executions or their feedback may have numbers of a metric. Labels are words: they have none."""
    return name in EXECUTION_METRICS or _VALUES.fullmatch(name) is not None


def is_user_hash(text: str) -> bool:
    """Return whether a text has the form of a pseudonym: the id of its key, and 32 hexadecimal digits."""
    return _USER_HASH.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class MetricRange:
    """A metric's name, and the smallest and largest value, both included; None is without limit."""

    metric: str
    low: float | None = None
    high: float | None = None

    @property
    def score(self) -> str | None:
        """Return the name of a score, which executions and feedback may have; None for any other metric."""
        kind, _, name = self.metric.partition(".")
        return name if kind == "score" else None


@dataclass(frozen=True, slots=True)
class ExecutionFilter:
    """What executions must match; None matches all. `user` is a keyed hash, `session` is scrubbed.

    `since` is included, `until` is not. `version` is a prompt's digest or the app's own label.
    """

    project: str
    environment: str
    target: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    version: str | None = None
    model: str | None = None
    arm: str | None = None
    outcome: Outcome | None = None
    user: str | None = None
    session: str | None = None
    trace_id: str | None = None
    feedback: FeedbackFilter | None = None
    metric: MetricRange | None = None


def contains_text(event: ExecutionRecorded, wanted: str) -> bool:
    """Return whether `wanted`, which is casefolded, is in the input, the output or a context, ignoring case."""
    texts: Sequence[str | None] = (event.facts.input, event.facts.output, *event.contexts)
    return any(text is not None and wanted in text.casefold() for text in texts)
