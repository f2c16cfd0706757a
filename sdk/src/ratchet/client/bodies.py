"""Conversion of an app's values to the server's JSON bodies. Pure.

An optional field that can't be converted is left out and recorded by name, so that the rest is kept.
"""

from collections.abc import Callable, Container, Mapping
from datetime import timedelta
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from ratchet.client.values import InvalidValue, clean, identifier, moment, number, plain, scalar, text

Body = dict[str, Any]

_FORBIDDING = {"quality": False, "learning": False}
"""The consent sent in place of an invalid one: the item is stored, but not used."""
_THUMBS = {1.0: True, 0.0: False, -1.0: False}
_TEXT_KINDS = ("comment", "correction")
"""Kinds whose value is the user's text: they have no other comment."""
_LONGEST_COMMENT = 20_000
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


def add_execution_fields(body: Body, fields: Mapping[str, Any], dropped: Dropped) -> None:
    """Add the optional fields of an execution to `body`, and the names of those left out to `dropped`."""
    _add(body, fields, _EXECUTION, _EXECUTION_TEXTS, dropped)


def add_feedback_fields(body: Body, kind: object, value: object, fields: Mapping[str, Any], dropped: Dropped) -> None:
    """Add kind, value and the optional fields of feedback to `body`. Raises InvalidValue for kind and value."""
    body["kind"] = shown = plain(kind)
    body["value"] = _value(shown, value)
    _add(body, fields, _FEEDBACK, _FEEDBACK_TEXTS, dropped)
    if shown in _TEXT_KINDS and body.pop("comment", None) is not None:
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
        given = dropped.read(name, _as_mapping, value) or {}
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


def _as_mapping(value: Any) -> Mapping[Any, Any]:
    """Return a mapping, or the fields of an object."""
    if type(value) is dict:
        return value.copy()  # at once, so that another thread may change it
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
    if type(value) is int and 0 <= value < 2**63:
        return value
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
    if kind == "thumb" and type(value) is bool:
        return value
    found = plain(value)
    if kind == "thumb" and isinstance(found, int | float):
        return _THUMBS.get(float(found), found)
    if kind in ("rating", "score"):
        return number(found)
    if kind in ("label", "comment", "correction"):
        return text(found)
    return found


def _comment(value: object) -> str | None:
    """Return a comment; None where nothing was written. Raises InvalidValue for one that the server would refuse."""
    found = text(value)
    if found is None or not found.strip():
        return None
    if len(found) > _LONGEST_COMMENT:
        raise InvalidValue(f"must have at most {_LONGEST_COMMENT} characters")
    return found


_SHARED: Mapping[str, Callable[[Any, Dropped], Any]] = {
    "user": _simple("user", identifier),
    "consent": _consent,
    "occurred_at": _simple("occurred_at", _occurred_at),
}
_IDENTIFIERS = ("trace_id", "parent_id", "model", "arm", "session", "outcome")
_EXECUTION: Mapping[str, Callable[[Any, Dropped], Any]] = {
    **{name: _simple(name, identifier) for name in _IDENTIFIERS},
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
    "comment": _simple("comment", _comment),
    "name": _simple("name", identifier),
    "source": _simple("source", identifier),
    **_SHARED,
}
_EXECUTION_TEXTS = frozenset({*_IDENTIFIERS, "user", "input", "output"})
_FEEDBACK_TEXTS = frozenset({"name", "source", "user"})
