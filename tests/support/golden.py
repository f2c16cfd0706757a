"""One example of every event, which never changes. `python -m tests.support.golden` writes the files of new events."""

import json
from datetime import UTC, datetime
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin
from uuid import UUID

from pydantic import AwareDatetime, BaseModel

from shared.events import CATALOG, Envelope, Event
from shared.messaging.cloudevents import encode

_TIME = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
_ID = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
_TRACEPARENT = f"00-{'1' * 32}-{'2' * 16}-01"
_PLAIN: dict[Any, Any] = {
    str: "text",
    int: 3,
    float: 0.25,
    bool: True,
    object: "anything",
    UUID: _ID,
    datetime: _TIME,
    AwareDatetime: _TIME,
}


def example(event: type[Event]) -> Envelope[Event]:
    """Return the example of an event class, with every field set, including optional ones."""
    made = _value(event)
    return Envelope(
        _ID, _TIME, "ratchet/test", made, "correlation", "causation", "00-" + "1" * 32 + "-" + "2" * 16 + "-01"
    )


def _value(kind: Any) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Literal:
        return arguments[0]
    if origin in (Union, UnionType):
        return _value(next(argument for argument in arguments if argument is not type(None)))
    if origin is tuple:
        return tuple(_value(argument) for argument in arguments if argument is not Ellipsis)
    if origin is dict:
        return {"name": _value(arguments[1])}
    if hasattr(kind, "__metadata__"):
        return _value(arguments[0])
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return kind(**{name: _value(field.annotation) for name, field in kind.model_fields.items()})
    return _PLAIN[kind]


def main(folder: Path) -> None:
    for kind, event in CATALOG.items():
        message = encode(example(event))
        content = {
            "topic": message.topic,
            "key": message.key,
            "headers": dict(message.headers),
            "payload": json.loads(message.value),
        }
        path = folder / f"{kind}.json"
        if not path.exists():
            path.write_text(json.dumps(content, indent=2) + "\n")


if __name__ == "__main__":
    main(Path(__file__).parents[1] / "contract" / "golden")
