"""Conversion of an app's values to the server's JSON bodies. Pure.

An optional field that can't be converted is left out and recorded by name, so that the rest is kept.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from ratchet.client.values import InvalidValue, clean, identifier, moment, number, plain, scalar, text

Body = dict[str, Any]

_FORBIDDING = {"quality": False, "learning": False}
"""The consent sent in place of an invalid one: the item is stored, but not used."""
_THUMBS = {1.0: True, 0.0: False, -1.0: False}
_CONTENTS = ("page_content", "text", "content")


class Dropped(list[str]):
    """Names of the fields that were left out, such as `cost` or `attributes.tenant`."""

    def read(self, name: str, convert: Callable[[Any], Any], value: object) -> Any:
        """Return the converted value; None, and record the name, where it can't be converted."""
        try:
            return convert(value)
        except Exception:  # a value's own code may raise anything
            self.append(name)
            return None


def execution_body(fields: Mapping[str, Any], now: datetime) -> tuple[Body, Dropped]:
    """Return the optional fields of an execution, and the names of those left out."""
    return _body(fields, _EXECUTION, now)


def feedback_body(kind: object, value: object, fields: Mapping[str, Any], now: datetime) -> tuple[Body, Dropped]:
    """Return the fields of feedback with kind and value, and the names of those left out. Raises InvalidValue."""
    body, dropped = _body(fields, _FEEDBACK, now)
    shown = plain(kind)
    return {"kind": shown, "value": _value(shown, value), **body}, dropped


def item_id(value: object, new: Callable[[], str]) -> str:
    """Return the app's own id as text, or a new one where it is absent or invalid."""
    try:
        return identifier(value) or new()
    except Exception:
        return new()


def feedback_id(value: object, new: Callable[[], str]) -> str:
    """Return a UUID: the app's own, one derived from the app's own id, or a new one."""
    given = item_id(value, new)
    try:
        return str(UUID(given))
    except ValueError:
        return str(uuid5(NAMESPACE_URL, f"ratchet:feedback:{given}"))


def _body(
    fields: Mapping[str, Any], known: Mapping[str, Callable[[Any, Dropped], Any]], now: datetime
) -> tuple[Body, Dropped]:
    dropped = Dropped(name for name in fields if name not in known and name != "id")
    body: Body = {}
    for name, convert in known.items():
        given = fields.get(name)
        if given is not None and (found := convert(given, dropped)) is not None:
            body[name] = found
    body.setdefault("occurred_at", now.isoformat())
    return body, dropped


def _simple(name: str, convert: Callable[[Any], Any]) -> Callable[[Any, Dropped], Any]:
    return lambda value, dropped: dropped.read(name, convert, value)


def _amount(value: object) -> float | None:
    found = None if isinstance(value, bool) else number(value)
    if found is None or found < 0:
        raise InvalidValue("must be a number of at least 0")
    return found


def _latency(value: object) -> float | None:
    return _amount(value / timedelta(milliseconds=1) if isinstance(value, timedelta) else value)


def _occurred_at(value: object) -> str:
    return moment(value).isoformat()


def _written(value: object) -> Any:
    """Return an input or output: text, or messages and objects, which the server converts to text."""
    found = plain(value)
    return found if isinstance(found, str | list | dict) else text(found)


def _members(name: str, convert: Callable[[Any], Any]) -> Callable[[Any, Dropped], Any]:
    """Return a converter of mappings, which converts each member and drops None."""

    def read(value: object, dropped: Dropped) -> Body | None:
        given = dropped.read(name, _as_mapping, value)
        found = {} if given is None else {
            clean(str(key)): dropped.read(f"{name}.{key}", convert, item) for key, item in given.items()
        }  # fmt: skip
        return {key: item for key, item in found.items() if item is not None} or None

    return read


def _as_mapping(value: Any) -> Mapping[Any, Any]:
    """Return a mapping, or the fields of an object."""
    if isinstance(value, Mapping):
        return dict(value.items())
    found = plain(value) if hasattr(value, "model_dump") or not hasattr(value, "__dict__") else vars(value)
    if not isinstance(found, Mapping):
        raise InvalidValue("must be an object")
    return found


def _usage(value: object, dropped: Dropped) -> Body | None:
    """Return token counts by the provider's names, which the server maps to its own."""
    given = dropped.read("usage", _as_mapping, value) or {}
    return {str(name): count for name, item in given.items() if (count := _count(item)) is not None} or None


def _count(value: object) -> int | None:
    """Return a whole number, or None for other details of a provider's usage."""
    try:
        found = plain(value)
    except Exception:
        return None
    whole = isinstance(found, int | float) and not isinstance(found, bool) and found == int(found) and found >= 0
    return int(found) if whole else None


def _listed(name: str, convert: Callable[[Any], Any]) -> Callable[[Any, Dropped], Any]:
    def read(value: Any, dropped: Dropped) -> list[Any] | None:
        given = [value] if isinstance(value, str | Mapping) else dropped.read(name, list, value) or []
        found = [dropped.read(f"{name}[{index}]", convert, item) for index, item in enumerate(given)]
        return [item for item in found if item is not None] or None

    return read


def _context(value: Any) -> str | None:
    """Return a retrieved text: a string, or the text of a document."""
    found = plain(value)
    texts = [found[key] for key in _CONTENTS if isinstance(found, dict) and isinstance(found.get(key), str)]
    return texts[0] if texts else text(found)


def _tool(value: Any) -> str | None:
    """Return the name of a tool, given as a name, a declaration or a function."""
    if callable(value) and hasattr(value, "__name__"):
        return identifier(value.__name__)
    found = value if isinstance(value, str) else getattr(value, "name", None) or plain(value)
    if isinstance(found, dict):
        found = found.get("name") or dict(found.get("function") or {}).get("name")
    name = identifier(found)
    if name is None:
        raise InvalidValue("must name a tool")
    return name


def _consent(value: object, dropped: Dropped) -> Body:
    found: Body | None = dropped.read("consent", _read_consent, value)
    return dict(_FORBIDDING) if found is None else found


def _read_consent(value: object) -> Body:
    found = {str(name): plain(item) for name, item in _as_mapping(value).items()}
    if not found.keys() <= _FORBIDDING.keys() or not all(
        item is None or isinstance(item, bool) for item in found.values()
    ):
        raise InvalidValue("must have only quality and learning, each true, false or null")
    return found


def _value(kind: object, value: object) -> Any:
    """Return the value of feedback as its kind requires. Raises InvalidValue."""
    found = plain(value)
    if kind == "thumb" and isinstance(found, int | float):
        return _THUMBS.get(float(found), found)
    if kind in ("rating", "score"):
        return number(found)
    if kind in ("label", "comment", "correction"):
        return text(found)
    return found


_SHARED: Mapping[str, Callable[[Any, Dropped], Any]] = {
    "user": _simple("user", identifier),
    "consent": _consent,
    "occurred_at": _simple("occurred_at", _occurred_at),
}
_EXECUTION: Mapping[str, Callable[[Any, Dropped], Any]] = {
    **{name: _simple(name, identifier) for name in ("trace_id", "parent_id", "model", "arm", "session", "outcome")},
    **{name: _simple(name, _written) for name in ("input", "output")},
    "parameters": _members("parameters", scalar),
    "attributes": _members("attributes", scalar),
    "scores": _members("scores", number),
    "contexts": _listed("contexts", _context),
    "tools": _listed("tools", _tool),
    "usage": _usage,
    "cost": _simple("cost", _amount),
    "latency_ms": _simple("latency_ms", _latency),
    **_SHARED,
}
_FEEDBACK: Mapping[str, Callable[[Any, Dropped], Any]] = {
    "name": _simple("name", identifier),
    "source": _simple("source", identifier),
    **_SHARED,
}
