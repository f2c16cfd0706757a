"""Rows of a file as executions and feedback. Pure: the same file always gives the same ids."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import NAMESPACE_URL, uuid5

from ratchet.client.recorded_items import (
    ExecutionFields,
    FeedbackFields,
    RecordedItem,
    encode,
    execution,
    feedback,
)
from ratchet.client.used_prompts import UsedPrompt
from ratchet.prompt import MAX_EXAMPLES, parse
from ratchet.tables import BadFile
from ratchet.tables.numbers import parse as parse_number

Source = Literal["frank", "halueval", "events"]

_PART = re.compile(r"(?P<system>[^:=,]+)(:(?P<first>\d+)-(?P<last>\d+))?(=(?P<label>[^:=,]+))?")
_ANSWER = {
    "schema": "ratchet.prompt/1",
    "messages": [
        {"role": "system", "content": "Answer the question. Say so where you do not know."},
        {"slot": "examples"},
        {"role": "user", "content": "{{question}}"},
    ],
    "variables": {"question": {"type": "string"}},
    "slots": {"examples": {"max": MAX_EXAMPLES}},
}


@dataclass(frozen=True, slots=True)
class ReplayStep:
    """The items of one row, executions before feedback."""

    executions: tuple[RecordedItem, ...] = ()
    feedback: tuple[RecordedItem, ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of one system, in the file's order, with a label."""

    system: str
    rows: slice
    label: str


def parts(order: str) -> tuple[Part, ...]:
    """Parse `bart,bus` or `bart:0-125=first,bart:125-250=second`: system, rows from and to (exclusive), label.

    Raises ValueError.
    """
    found = []
    for text in order.split(","):
        match = _PART.fullmatch(text.strip())
        if match is None:
            raise ValueError(f"--order: {text.strip()!r} must have the form system, system:0-125 or system:0-125=label")
        first, last = match["first"], match["last"]
        rows = slice(int(first), int(last)) if first is not None else slice(None)
        found.append(Part(match["system"], rows, match["label"] or match["system"]))
    return tuple(found)


def steps(
    source: Source, found: Sequence[dict[str, Any]], target: str, order: Sequence[Part], start: datetime
) -> list[ReplayStep]:
    """Return the items of these rows, in order and a millisecond apart. Raises BadFile."""
    make = {"frank": _frank, "halueval": _halueval, "events": _events}[source]
    try:
        return make(found, target, order, start)
    except KeyError as error:
        raise BadFile(f"a row has no {error.args[0]}") from None
    except ValueError as error:
        raise BadFile(str(error)) from None


def _frank(found: Sequence[dict[str, Any]], target: str, order: Sequence[Part], start: datetime) -> list[ReplayStep]:
    """FRANK: factuality of summaries, judged by people, 0 to 1; the system is the prompt's version."""
    systems: dict[str, list[dict[str, Any]]] = {}
    for row in found:
        systems.setdefault(row["model_name"], []).append(row)
    chosen = order or parts(",".join(systems))
    for part in chosen:
        if part.system not in systems:
            raise ValueError(f"--order: unknown system {part.system}; the file has {', '.join(sorted(systems))}")
    picked = [(row, part.label) for part in chosen for row in systems[part.system][part.rows]]
    return [_judged(row, label, target, _moment(start, i)) for i, (row, label) in enumerate(picked)]


def _judged(row: dict[str, Any], label: str, target: str, now: datetime) -> ReplayStep:
    name = f"{target}-{label}-{row['hash']}"
    ran = execution(
        name,
        target,
        [{"name": "summarize", "version": label}],
        {"model": row["model_name"], "attributes": {"dataset": row["dataset"]}},
        now,
    )
    judgement = feedback(
        _uuid(name), {"execution_id": name}, "score", _number(row, "Factuality"), {"name": "Factuality"}, now
    )
    return ReplayStep((ran.encode(),), (judgement.encode(),))


def _halueval(found: Sequence[dict[str, Any]], target: str, _: Sequence[Part], start: datetime) -> list[ReplayStep]:
    """HaluEval: questions and answers in which people marked hallucinations."""
    prompt = parse(_ANSWER)
    use = UsedPrompt("answer", prompt.digest, prompt)
    made = []
    for index, row in enumerate(found):
        # By content too: HaluEval calls two different rows "ID".
        content = _uuid(json.dumps([row["query"], row["response"]]))
        now, name = _moment(start, index), f"{target}-{row['id']}-{content}"
        facts: ExecutionFields = {"input": row["query"], "output": row["response"], "consent": {"learning": True}}
        ran = execution(name, target, [use], facts, now)
        label = "incorrect" if _number(row, "hallucination") else "correct"
        agreed: FeedbackFields = {"consent": {"learning": True}}
        judgement = feedback(_uuid(name), {"execution_id": name}, "label", label, agreed, now)
        made.append(ReplayStep((ran.encode(),), (judgement.encode(),)))
    return made


def _events(found: Sequence[dict[str, Any]], target: str, _: Sequence[Part], start: datetime) -> list[ReplayStep]:
    """Lines of {"execution": body} or {"feedback": body}, as for the HTTP API; missing ids are derived."""
    made = []
    for row in found:
        if "execution" in row:
            body = {"target": target, **row["execution"]}
            made.append(ReplayStep(executions=(_recorded_item("executions", body),)))
        else:
            made.append(ReplayStep(feedback=(_recorded_item("feedback", row["feedback"]),)))
    return made


def _recorded_item(route: Literal["executions", "feedback"], body: dict[str, Any]) -> RecordedItem:
    identified = {"id": _uuid(json.dumps(body, sort_keys=True)), **body}
    return RecordedItem(route, str(identified["id"]), encode(identified))


def _number(row: dict[str, Any], name: str) -> float:
    """Return a cell as a number in any notation."""
    try:
        found = parse_number(row[name])
    except ValueError as error:
        raise ValueError(f"{name} {error}: {row[name]!r}") from None
    if found is None:
        raise ValueError(f"a row has no {name}")
    return found.value / 100.0 if found.unit == "%" else found.value


def _moment(start: datetime, index: int) -> datetime:
    return start + timedelta(milliseconds=index)


def _uuid(name: str) -> str:
    return str(uuid5(NAMESPACE_URL, f"ratchet-replay:{name}"))
