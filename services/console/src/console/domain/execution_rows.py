"""Executions as people read them: filters of the list, figures, and feedback in words (pure)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from console.domain.json_object import JsonObject
from ratchet.sanitize import visible
from shared import metric_format

OUTCOMES = {"ok": "ok", "error": "error", "refused": "refused", "timeout": "time-out"}
"""Value of the API's filter → its label."""
FEEDBACK_CHOICES = {
    "any": "any",
    "none": "none",
    "thumb": "thumbs",
    "rating": "ratings",
    "label": "labels",
    "score": "scores",
    "comment": "comments",
    "correction": "corrections",
    "preference": "preferences",
    "click": "clicks",
    "copy": "copies",
    "dwell": "dwell times",
    "requery": "re-queries",
    "regenerate": "regenerations",
    "abandon": "abandoned",
    "continue": "continued",
}
_ACTIONS = {
    "click": ("not clicked", "clicked"),
    "copy": ("not copied", "copied"),
    "requery": ("", "asked again"),
    "regenerate": ("", "regenerated"),
    "abandon": ("", "abandoned"),
    "continue": ("", "continued"),
    "preference": ("rejected", "chosen"),
}
"""Kind → what a value of 0 and of 1 means."""
_SHORTEST_ENTRY = 3.0
"""Thousandths: visible, however short an execution was."""
MAIN_FILTERS = ("target", "q", "outcome", "feedback")
MORE_FILTERS = (
    "since", "until", "version", "model", "arm", "user", "user_hash", "session", "trace_id", "tool",
    "metric", "min", "max",
)  # fmt: skip


COLUMNS = {
    "target": "Target and version",
    "model": "Model",
    "latency": "Latency",
    "first_token": "First token",
    "cost": "Cost",
    "tokens": "Tokens",
    "total_tokens": "Total tokens",
    "cached_tokens": "Cached tokens",
    "reasoning_tokens": "Reasoning tokens",
    "tools": "Tools called",
    "user": "User",
    "session": "Session",
    "feedback": "Feedback and scores",
}
"""Column of the list → its heading, in their order."""
DEFAULT_COLUMNS = ("target", "model", "latency", "cost", "tokens", "feedback")
NUMERIC_COLUMNS = frozenset(
    {"latency", "first_token", "cost", "tokens", "total_tokens", "cached_tokens", "reasoning_tokens"}
)


def chosen_columns(names: Sequence[str]) -> list[str]:
    """Return the known ones among these columns in the list's order; the default ones if there is none."""
    wanted = set(names) & COLUMNS.keys() or set(DEFAULT_COLUMNS)
    return [name for name in COLUMNS if name in wanted]


def regressions_of(execution_id: str, regressions: Iterable[JsonObject]) -> list[tuple[JsonObject, bool]]:
    """Return those that rest on an execution, and the open ones, of its target; with each, whether it rests on it."""
    rests = [(each, execution_id in each["affected_executions"]) for each in regressions]
    return [(each, on_it) for each, on_it in rests if on_it or each["state"] == "open"]


def view_query(view: JsonObject) -> dict[str, Any]:
    """Return the parameters of the page of a saved view; what this console does not know is left out."""
    known = (*MAIN_FILTERS, *MORE_FILTERS)
    filters = {name: value for name, value in view["filters"].items() if name in known}
    return {**filters, "column": [name for name in view["columns"] if name in COLUMNS]}


@dataclass(frozen=True, slots=True)
class FeedbackWord:
    """A feedback in words; `kind` is good, bad or empty. Implicit feedback is never good or bad."""

    text: str
    kind: str = ""


def query_of(fields: Mapping[str, str]) -> dict[str, str]:
    """Return the API's parameters of a form, whose fields are empty if nothing was entered. Times are in UTC."""
    given = {name: value.strip() for name, value in fields.items() if value.strip()}
    return given | {name: _moment(given[name]) for name in ("since", "until") if name in given}


def _moment(text: str) -> str:
    """Return a time with its offset; a text that is not a time is returned unchanged, and refused by the API."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return text
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).isoformat()


def form_time(text: str) -> str:
    """Return a time as the value of a `datetime-local` field, in UTC; empty if it is none."""
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        return ""
    return (found.astimezone(UTC) if found.tzinfo else found).strftime("%Y-%m-%dT%H:%M:%S")


def feedback_words(feedback: Iterable[JsonObject]) -> list[FeedbackWord]:
    """Return the feedback that counts, in words: what was replaced, or counts for no version, is left out."""
    counted = [each for each in feedback if not each["replaced"] and not each["mixed"]]
    return [_with_subject(feedback_word(each), each["about"]) for each in counted]


def _with_subject(word: FeedbackWord, about: str) -> FeedbackWord:
    """Return a word that says so if it is about the whole trace or session."""
    return word if about == "execution" else FeedbackWord(f"{word.text} (whole {about})", word.kind)


def feedback_word(feedback: JsonObject) -> FeedbackWord:
    """Return a feedback in words, such as `thumb up`, `rating 4`, `tone: polite`, `comment` or `copied (implicit)`."""
    word = _word(feedback)
    return FeedbackWord(f"{word.text} (implicit)") if feedback["source"] == "implicit" else word


def _word(feedback: JsonObject) -> FeedbackWord:
    kind, name, value = feedback["kind"], feedback["name"], feedback["value"]
    called = f"{visible(str(name))} " if name else ""
    if kind == "thumb" and value is not None:
        return FeedbackWord(f"{called}thumb {'up' if value else 'down'}", "good" if value else "bad")
    if kind == "label":
        return FeedbackWord(f"{called or 'label '}{visible(str(feedback['label'] or ''))}".strip())
    if kind in ("rating", "score") and value is not None:
        number = metric_format.plain(value)
        return FeedbackWord(f"{called}{kind} {number}" if kind == "rating" else f"{called or 'score '}{number}")
    if kind in _ACTIONS and value is not None:
        return FeedbackWord(f"{called}{_ACTIONS[kind][value > 0]}", ("bad", "good")[value > 0])
    if kind == "dwell":
        return FeedbackWord(f"{called}dwell {figure(value, 'latency_ms')}".strip())
    return FeedbackWord(f"{called}{kind}")


def tokens(usage: JsonObject) -> str:
    """Return token counts, such as `812 → 64`; empty if both are unknown."""
    counts = [usage.get("input_tokens"), usage.get("output_tokens")]
    if counts == [None, None]:
        return ""
    return " → ".join("?" if count is None else f"{count:,}" for count in counts)


TOKEN_KINDS = {
    "input_tokens": "Input",
    "cached_input_tokens": "of these cached",
    "cache_write_tokens": "Written to the cache",
    "output_tokens": "Output",
    "reasoning_tokens": "of these reasoning",
    "total_tokens": "Total",
}
"""Kind of tokens → its label."""


def token_kinds(usage: JsonObject) -> list[tuple[str, str]]:
    """Return the known token counts as (label, number)."""
    known = ((label, usage.get(name)) for name, label in TOKEN_KINDS.items())
    return [(label, f"{count:,}") for label, count in known if count is not None]


def cost(execution: JsonObject) -> str:
    """Return the cost of an execution or a trace in its currency; empty if it is unknown."""
    return figure(execution["cost"], f"cost_{(execution['currency'] or 'USD').lower()}")


def figure(value: object, metric: str) -> str:
    """Return a latency or a cost with its unit; empty if it is unknown."""
    if not isinstance(value, int | float):
        return ""
    return metric_format.format_value(value, metric_format.unit_of(metric))


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """When an execution ran, in thousandths of its trace's duration."""

    start: float
    length: float


def trace_timeline(nodes: Sequence[JsonObject]) -> list[TimelineEntry | None]:
    """Return when each execution of a trace ran; None where its start is unknown, or none took any time."""
    ends = [node["offset_ms"] + node["latency_ms"] for node in nodes if node["offset_ms"] is not None]
    scale = 1000 / max(ends) if ends and max(ends) > 0 else 0.0
    return [
        TimelineEntry(round(node["offset_ms"] * scale, 1), max(_SHORTEST_ENTRY, round(node["latency_ms"] * scale, 1)))
        if scale and node["offset_ms"] is not None
        else None
        for node in nodes
    ]


def pairs(execution: JsonObject, *fields: str) -> list[tuple[str, Any]]:
    """Return the members of objects, such as `parameters`, as (name, value), sorted by name."""
    return sorted((name, value) for field in fields for name, value in execution[field].items())
