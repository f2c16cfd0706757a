"""How Schemathesis sends media types that it does not know; loaded by its process, see test_schemathesis.py."""

import json

import schemathesis


@schemathesis.serializer("application/x-ndjson")
def lines(_: schemathesis.SerializationContext, value: object) -> bytes:
    """Return the text of a body, or other values as a line of JSON."""
    return value.encode("utf-8", "replace") if isinstance(value, str) else json.dumps(value).encode()


@schemathesis.serializer("application/x-protobuf")
def protobuf(_: schemathesis.SerializationContext, value: object) -> bytes:
    """Return the bytes or the text of a body."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")
