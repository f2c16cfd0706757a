"""How Schemathesis sends media types that it does not know, and how long it waits; loaded by its process."""

import json
from typing import Any

import schemathesis

LEASES = "POST /v1/evaluation-tasks/leases"


@schemathesis.serializer("application/x-ndjson")
def lines(_: schemathesis.SerializationContext, value: object) -> bytes:
    """Return the text of a body, or other values as a line of JSON."""
    return value.encode("utf-8", "replace") if isinstance(value, str) else json.dumps(value).encode()


@schemathesis.serializer("application/x-protobuf")
def protobuf(_: schemathesis.SerializationContext, value: object) -> bytes:
    """Return the bytes or the text of a body."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


@schemathesis.hook
def before_call(_: schemathesis.HookContext, case: "schemathesis.Case[Any]", kwargs: dict[str, object]) -> None:
    """Shorten how long a request for leases waits for tasks (20 s by default); what is refused is sent as it is."""
    if case.operation.label == LEASES and isinstance(case.body, dict):
        wait = case.body.get("wait_s", 20)
        if isinstance(wait, int | float) and not isinstance(wait, bool) and 0 < wait <= 30:
            case.body["wait_s"] = 0.01
