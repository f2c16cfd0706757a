"""Golden cases as people review them. Pure."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from console.domain.json_object import JsonObject

_JSON_PARTS = (("variables", "Variables"), ("expected", "Expected"))


@dataclass(frozen=True, slots=True)
class CaseRow:
    """A case with its texts. `parts` are (label, text) of what is expected and how the answer is evaluated."""

    item: JsonObject
    question: str
    parts: tuple[tuple[str, str], ...]
    tags: tuple[str, ...]
    protected: bool
    parent: str | None
    origin: str | None


def case_row(item: JsonObject) -> CaseRow:
    """Return the row of an item of `GET /v1/datasets/{name}/cases`."""
    case: Mapping[str, Any] = item["case"]
    return CaseRow(
        item,
        "(variables only)" if case["input"] is None else _text(case["input"]),
        tuple(_parts(case)),
        tuple(case["tags"]),
        bool(case["protected"]),
        case["parent"],
        case["origin"],
    )


def _parts(case: Mapping[str, Any]) -> list[tuple[str, str]]:
    found = [(label, _text(case[name])) for name, label in _JSON_PARTS if case[name] not in (None, {})]
    if case["reference"]:
        found.append(("Reference", case["reference"]))
    if case["contexts"] is not None:
        found.append(("Contexts", "\n".join(f"{each['id']}: {each['text']}" for each in case["contexts"])))
    found.append(("Evaluated by", _evaluators(case["evaluators"])))
    return found


def _evaluators(specs: Sequence[Mapping[str, Any]]) -> str:
    """Return a line for each evaluator: its name, and its parameters as JSON."""
    lines = []
    for spec in specs:
        parameters = {name: value for name, value in spec.items() if name != "name"}
        lines.append(f"{spec['name']} {_text(parameters)}" if parameters else str(spec["name"]))
    return "\n".join(lines)


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
