"""From a row of a file to an execution and feedback. Pure: the same row always gives the same ids."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from ratchet.client.recorded_items import RecordedItem, UnencodedItem, execution, feedback
from ratchet.imports.cell_readers import Reader
from ratchet.tables.nested_fields import reach

_CARRIED = ("user", "occurred_at")
"""Fields that an execution and feedback of the same row share."""


class UnreadableRow(ValueError):
    """A row that can't be imported; the message names the field and the column."""


@dataclass(frozen=True, slots=True)
class MappedColumn:
    """A field, the path of its column, and the reader of its cells."""

    field: str
    path: tuple[str, ...]
    read: Reader

    @property
    def name(self) -> str:
        """The column's name."""
        return ".".join(self.path)

    def value_in(self, row: Mapping[str, Any]) -> Any:
        """Return the value of a row's cell; None without one. Raises UnreadableRow."""
        cell = row.get(self.name, row.get(self.path[0]))
        if self.name not in row and len(self.path) > 1:
            cell = reach(cell, self.path[1:])
        try:
            return self.read(cell)
        except ValueError as error:
            shown = "" if self.name == self.field else f" (column {self.name})"
            raise UnreadableRow(f"{self.field}{shown} {error}: {str(cell)[:60]!r}") from None


@dataclass(frozen=True, slots=True)
class RowConverter:
    """Converts rows. `constants` are fields that all rows have."""

    columns: Sequence[MappedColumn]
    constants: Mapping[str, Any]

    @property
    def _fields(self) -> frozenset[str]:
        return frozenset(column.field for column in self.columns) | frozenset(self.constants)

    def convert(self, number: int, row: Mapping[str, Any], now: datetime) -> list[RecordedItem]:
        """Return the items of row `number`, the execution first; none for an empty row. Raises UnreadableRow."""
        values = dict(self.constants)
        for column in self.columns:
            if (value := column.value_in(row)) is not None:
                values[column.field] = value
        if values.keys() <= self.constants.keys():
            return []
        try:
            return [_encoded(item) for item in _items(number, values, self._fields, now)]
        except ValueError as error:
            raise UnreadableRow(str(error)) from None


def _items(number: int, values: Mapping[str, Any], expected: frozenset[str], now: datetime) -> Iterator[UnencodedItem]:
    about = values.get("execution_id")
    if about is None and "execution_id" in expected:
        raise UnreadableRow("execution_id is missing")
    given = {name: value for name, value in values.items() if name.startswith("feedback.")}
    if about is None:
        made = _execution(number, values, now)
        about = made.id
        yield made
    elif not given:
        raise UnreadableRow("has no feedback")
    carried = {name: values[name] for name in _CARRIED if name in values} | _consent(values)
    for name, value in _preference(given):
        _, kind, *label = name.split(".", 2)
        fields = carried | ({"name": label[0]} if label else {})
        yield feedback(_id([about, name, value, carried]), {"execution_id": about}, kind, value, fields, now)


def _preference(given: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the feedback of a row, with both outputs of a preference as one value."""
    compared = {side: given[f"feedback.{side}"] for side in ("chosen", "rejected") if f"feedback.{side}" in given}
    if compared:
        yield "feedback.preference", compared
    yield from ((name, value) for name, value in given.items() if name.removeprefix("feedback.") not in compared)


def _execution(number: int, values: Mapping[str, Any], now: datetime) -> UnencodedItem:
    own = {name: value for name, value in values.items() if not name.startswith("feedback.") and name != "occurred_at"}
    if "target" not in own:
        raise UnreadableRow("target is missing")
    fields: dict[str, Any] = {name: value for name, value in values.items() if name in _PLAIN} | _consent(values)
    for family in ("usage", "scores", "attributes", "parameters"):
        if found := _members(values, family):
            fields[family] = found
    execution_id = own.get("id") or _id([number, own])
    return execution(execution_id, own["target"], _prompts(values), fields, now)


def _prompts(values: Mapping[str, Any]) -> list[dict[str, str]]:
    if "prompts" in values:
        return list(values["prompts"])
    text = {name: values[name] for name in ("version", "digest") if name in values}
    if not text:
        return [{"name": values["prompt"]}] if "prompt" in values else []
    return [{"name": values.get("prompt") or values["target"], **text}]


def _consent(values: Mapping[str, Any]) -> dict[str, Any]:
    found = _members(values, "consent")
    return {"consent": found} if found else {}


def _members(values: Mapping[str, Any], family: str) -> dict[str, Any]:
    start = f"{family}."
    named = {name.removeprefix(start): value for name, value in values.items() if name.startswith(start)}
    return {**values.get(family, {}), **named}


def _encoded(item: UnencodedItem) -> RecordedItem:
    encoded = item.encode()
    if encoded.dropped:
        raise UnreadableRow(f"{encoded.dropped[0]} can't be sent")
    return encoded


def _id(parts: object) -> str:
    return str(uuid5(NAMESPACE_URL, f"ratchet-import:{json.dumps(parts, sort_keys=True, default=str)}"))


_PLAIN = (
    frozenset(("trace_id", "parent_id", "model", "input", "output", "contexts", "tools", "arm"))
    | frozenset(("user", "session", "cost", "latency_ms", "outcome", "occurred_at"))
    | frozenset(("currency", "time_to_first_token_ms", "region", "confidentiality"))
)  # fmt: skip
"""Fields of an execution whose values are sent as they were read."""
