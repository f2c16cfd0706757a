"""Filters of the execution log. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from shared.events.feedback import ExecutionRecorded, FeedbackKind, Outcome
from shared.metric_catalog import IMPLICIT_KINDS, cost_currency

FeedbackFilter = Literal[FeedbackKind, "any", "none"]
"""Executions with feedback of this kind, with any, or without."""

EXECUTION_METRICS = (
    "latency_ms", "time_to_first_token_ms", "input_tokens", "output_tokens", "cached_input_tokens",
    "cache_write_tokens", "reasoning_tokens", "total_tokens",
)  # fmt: skip
"""Metrics that are numbers of an execution. All others but costs are scores or values of feedback."""
_VALUES = re.compile(
    rf"(implicit\.)?((thumb|rating|preference)(\..+)?|score\..+)|implicit\.({'|'.join(IMPLICIT_KINDS)})(\..+)?",
    re.DOTALL,
)
_USER_HASH = re.compile(r"[A-Za-z0-9_.-]+:[0-9a-f]{32}")


def is_metric(name: str) -> bool:
    """Return whether executions or their feedback may have numbers of a metric. Labels are words: they have none."""
    return name in EXECUTION_METRICS or cost_currency(name) is not None or _VALUES.fullmatch(name) is not None


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
    def of_execution(self) -> bool:
        """Whether it is a number of an execution, its cost included."""
        return self.metric in EXECUTION_METRICS or cost_currency(self.metric) is not None

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
    tool: str | None = None
    feedback: FeedbackFilter | None = None
    metric: MetricRange | None = None

    @property
    def reads_feedback(self) -> bool:
        """Whether feedback decides about an execution."""
        return self.feedback is not None or (self.metric is not None and not self.metric.of_execution)


def contains_folded_text(event: ExecutionRecorded, folded: str) -> bool:
    """Return whether `folded`, a text after `casefold`, is in a text that `texts_of` returns, ignoring case."""
    return any(folded in text.casefold() for text in texts_of(event))


def texts_of(event: ExecutionRecorded) -> Iterator[str]:
    """Yield input, output, contexts with their ids, and the names, arguments and results of tools."""
    facts = event.facts
    found = [facts.input, facts.output, *event.contexts, *event.tools]
    found += [detail.id for detail in event.context_details]
    found += [text for detail in event.tool_details for text in (detail.arguments, detail.result)]
    return filter(None, found)
