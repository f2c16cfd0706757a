"""Generated events of any class, and generated messages that are nearly right."""

import json
from datetime import datetime, timedelta, timezone
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin
from uuid import UUID

from hypothesis import strategies as st
from pydantic import AwareDatetime, BaseModel

from shared.events.base import Event

_ZONES = st.integers(-23, 23).map(lambda hours: timezone(timedelta(hours=hours)))
_TIMES = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=_ZONES)
_PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    str: st.text(max_size=8),
    int: st.integers(),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
    UUID: st.uuids(),
    AwareDatetime: _TIMES,
    datetime: _TIMES,
    type(None): st.none(),
}
_ODD: list[Any] = [
    None, True, 0, 1, -1, 1.5, 1.0, 1e300, 10**30, "", "1", "true", "ok", "thumb", "\0", [], [None], {}, {"a": None},
    "2026-01-01T00:00:00Z", "2026-01-01T00:00:00", "2026-01-01", "2026-01-01T00:00:60Z", "2026-01-01T24:00:00Z",
    "2026-01-01 00:00:00+01:00", "2026-01-01t00:00:00z", 1767225600, ["a"], {"a": "b"}, {"a": 1}, [{"name": "a"}],
]  # fmt: skip
_FRAGMENTS = [
    b'"', b"\\", b"\\u0000", b"\\n", b"\n", b"\0", b"{", b"}", b"[", b"]", b",", b":", b"0", b"9", b"-", b".",
    b"e9", b"e999", b"NaN", b"Infinity", b"null", b"true", b"1.0", b'"1"', b'"value":2,', b'"x":[1,{"y":2}],',
    b"/*", b"\xc3\xa4",
]  # fmt: skip


def events(event: type[Event]) -> st.SearchStrategy[Any]:
    """Return a strategy for events of this class, each field of any value that it may have."""
    return _values(event)


def nearly_right(event: type[Event]) -> st.SearchStrategy[bytes]:
    """Return a strategy for JSON bodies of this class in which some values or bytes were replaced."""
    return st.one_of(_with_other_value(event), _with_other_bytes(event))


def _values(kind: Any) -> st.SearchStrategy[Any]:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin in (Union, UnionType):
        return st.one_of(*map(_values, arguments))
    if origin is tuple:
        return st.lists(_values(arguments[0]), max_size=2).map(tuple)
    if origin is dict:
        return st.dictionaries(*map(_values, arguments), max_size=2)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        given = {name: _values(field.annotation) for name, field in kind.model_fields.items()}
        return st.builds(kind, **given)
    return _PLAIN[kind]


@st.composite
def _with_other_value(draw: st.DrawFn, event: type[Event]) -> bytes:
    """Return a body with one value replaced, removed or added, anywhere."""
    payload = json.loads(draw(events(event)).model_dump_json())
    inside = payload
    while True:
        keys: list[Any] = [*inside] if isinstance(inside, dict) else [*range(len(inside))]
        key = draw(st.sampled_from([*keys, "field_of_tomorrow"] if isinstance(inside, dict) else keys))
        below = inside.get(key) if isinstance(inside, dict) else inside[key]
        if not (isinstance(below, dict | list) and below and draw(st.booleans())):
            break
        inside = below
    if key in keys and draw(st.booleans()):
        del inside[key]
    else:
        inside[key] = draw(st.sampled_from(_ODD))
    return json.dumps(payload, ensure_ascii=draw(st.booleans())).encode()


@st.composite
def _with_other_bytes(draw: st.DrawFn, event: type[Event]) -> bytes:
    """Return a body with some bytes replaced or inserted."""
    body: bytes = draw(events(event)).model_dump_json().encode()
    for _ in range(draw(st.integers(1, 2))):
        at = draw(st.integers(0, len(body)))
        body = body[:at] + draw(st.sampled_from(_FRAGMENTS)) + body[at + draw(st.integers(0, 4)) :]
    return body
