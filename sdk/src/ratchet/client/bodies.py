"""Conversion of an app's values to the server's JSON bodies. Pure.

An optional field that can't be converted is left out and recorded by name, so that the rest is kept.
"""

from collections.abc import Callable, Container, Mapping
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from ratchet.client import field_values, structured_values
from ratchet.client.values import clean, identifier, number, plain, scalar

Body = dict[str, Any]

_FORBIDDING = {"quality": False, "learning": False}
"""The consent sent in place of an invalid one: the item is stored, but not used."""
_WITHOUT_COMMENT = frozenset({"comment", "correction", "click", "copy", "dwell", *field_values.NEXT_STEPS})
"""Kinds whose value is the user's text, or that a user does without a word: they have no comment beside it."""


class Dropped(list[str]):
    """Names of the fields that were left out, such as `cost` or `attributes.tenant`."""

    def read(self, name: str, convert: Callable[[Any], Any], value: object) -> Any:
        """Return the converted value; None, and record the name, where it can't be converted."""
        try:
            return convert(value)
        except Exception:  # a value's own code may raise anything
            self.append(name)
            return None


def add_execution_fields(body: Body, fields: Mapping[str, Any], dropped: Dropped) -> None:
    """Add the optional fields of an execution to `body`, and the names of those left out to `dropped`."""
    _add(body, fields, _EXECUTION, _EXECUTION_TEXTS, dropped)


def add_feedback_fields(body: Body, kind: object, value: object, fields: Mapping[str, Any], dropped: Dropped) -> None:
    """Add kind, value and the optional fields of feedback to `body`. Raises InvalidValue for kind and value."""
    body["kind"] = shown = plain(kind)
    if (found := field_values.feedback_value(shown, value)) is not None or shown not in field_values.ACTIONS:
        body["value"] = found
    _add(body, fields, _FEEDBACK, _FEEDBACK_TEXTS, dropped)
    if shown in _WITHOUT_COMMENT and body.pop("comment", None) is not None:
        dropped.append("comment")


def item_id(value: object, new: Callable[[], str]) -> str:
    """Return the app's own id as text, or a new one where it is absent or invalid."""
    if value is None:
        return new()
    try:
        return identifier(value) or new()
    except Exception:
        return new()


def feedback_id(value: object, new: Callable[[], str]) -> str:
    """Return a UUID: the app's own, one derived from the app's own id, or a new one."""
    if value is None:
        return new()
    given = item_id(value, new)
    try:
        return str(UUID(given))
    except ValueError:
        return str(uuid5(NAMESPACE_URL, f"ratchet:feedback:{given}"))


def _add(
    body: Body,
    fields: Mapping[str, Any],
    known: Mapping[str, Callable[[Any, Dropped], Any]],
    texts: Container[str],
    dropped: Dropped,
) -> None:
    """Convert `fields` by the converters of their names; a text that can be stored stays as it is in `texts`."""
    for name, given in fields.items():
        if type(given) is str and name in texts and given and given.isascii() and "\0" not in given:
            body[name] = given  # most values; the general way has the same result
            continue
        convert = known.get(name)
        if convert is None:
            if name != "id":
                dropped.append(name)
        elif given is not None and (found := convert(given, dropped)) is not None:
            body[name] = found


def _simple(name: str, convert: Callable[[Any], Any]) -> Callable[[Any, Dropped], Any]:
    def read(value: object, dropped: Dropped) -> Any:
        try:
            return convert(value)
        except Exception:  # a value's own code may raise anything
            dropped.append(name)
            return None

    return read


def _members(name: str, convert: Callable[[Any], Any]) -> Callable[[Any, Dropped], Any]:
    """Return a converter of mappings, which converts each member and drops None."""

    def read(value: object, dropped: Dropped) -> Body | None:
        given = dropped.read(name, field_values.as_mapping, value) or {}
        found: Body = {}
        for key, item in given.items():
            try:
                converted = convert(item)
            except Exception:  # as in `Dropped.read`, which would make a name for each
                dropped.append(f"{name}.{key}")
            else:
                if converted is not None:
                    found[clean(str(key))] = converted
        return found or None

    return read


def _usage(value: object, dropped: Dropped) -> Body | None:
    """Return token counts by the provider's names, which the server maps to its own."""
    given, counts = dropped.read("usage", field_values.as_mapping, value) or {}, structured_values.count
    return {str(name): count for name, item in given.items() if (count := counts(item)) is not None} or None


def _listed(name: str, convert: Callable[[Any, structured_values.Drop], Any]) -> Callable[[Any, Dropped], Any]:
    def read(value: Any, dropped: Dropped) -> list[Any] | None:
        given = [value] if isinstance(value, str | Mapping) else dropped.read(name, list, value) or []
        found = [_element(f"{name}[{index}]", convert, item, dropped) for index, item in enumerate(given)]
        return [item for item in found if item is not None] or None

    return read


def _element(path: str, convert: Callable[[Any, structured_values.Drop], Any], item: Any, dropped: Dropped) -> Any:
    def drop(member: str) -> None:
        dropped.append(f"{path}.{member}")

    return dropped.read(path, lambda given: convert(given, drop), item)


def _consent(value: object, dropped: Dropped) -> Body:
    found: Body | None = dropped.read("consent", field_values.consent, value)
    return dict(_FORBIDDING) if found is None else found


_SHARED: Mapping[str, Callable[[Any, Dropped], Any]] = {
    "user": _simple("user", identifier),
    "consent": _consent,
    "occurred_at": _simple("occurred_at", field_values.format_occurred_at),
}
_IDENTIFIERS = (
    "trace_id", "parent_id", "model", "arm", "session", "outcome", "currency", "region", "confidentiality"
)  # fmt: skip
_EXECUTION: Mapping[str, Callable[[Any, Dropped], Any]] = {
    **{name: _simple(name, identifier) for name in _IDENTIFIERS},
    **{name: _simple(name, field_values.convert_text) for name in ("input", "output")},
    "parameters": _members("parameters", scalar),
    "attributes": _members("attributes", scalar),
    "scores": _members("scores", number),
    "contexts": _listed("contexts", structured_values.context),
    "tools": _listed("tools", structured_values.tool_call),
    "usage": _usage,
    "cost": _simple("cost", field_values.amount),
    "latency_ms": _simple("latency_ms", field_values.latency),
    "time_to_first_token_ms": _simple("time_to_first_token_ms", field_values.latency),
    **_SHARED,
}
_FEEDBACK: Mapping[str, Callable[[Any, Dropped], Any]] = {
    "comment": _simple("comment", field_values.comment),
    "name": _simple("name", identifier),
    "source": _simple("source", identifier),
    **_SHARED,
}
_EXECUTION_TEXTS = frozenset({*_IDENTIFIERS, "user", "input", "output"})
_FEEDBACK_TEXTS = frozenset({"name", "source", "user"})
