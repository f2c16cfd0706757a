"""Malicious and malformed requests, generated from a service's OpenAPI document."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

DIGEST = "sha256:" + "0" * 64
UUID = "01890a5d-ac96-774b-bcce-b302099a8057"

TEXTS = [
    "", " ", "x", "answer", UUID, DIGEST, "x" * 129, "x" * 10_000, "a\0b", "two\nlines", "\ud800", "\u202e", "ﬃ",
    "../..",
    "%00", "'; DROP TABLE x; --", "${jndi:ldap://x}", "{{7*7}}", "<script>", "null", "-1", "1e999", "NaN", "true",
    "a,b",
    "2026-01-01", "2026-01-01T00:00:00", "2026-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00",
    "0001-01-01T00:00:00+14:00",
]  # fmt: skip
VALUES: list[Any] = [
    None, True, False, 0, -1, 1, 5, 1.5, 2**31, 2**53, 2**63, 2**70, -(2**63) - 1, 1e308, [], {}, [None], [[]], [{}],
    ["read"], {"a": 1}, {"": None}, {"$ne": None}, {"schema": "ratchet.prompt/1", "messages": []}, *TEXTS,
]  # fmt: skip
NAMES = [
    "reason", "digest", "verdict", "name", "target", "document", "base_digest", "why", "slot", "count", "per_hour",
    "expires_at", "subject", "kind", "role", "display_name", "scopes", "environment", "project", "label", "since",
    "topic",
    "lacking", "prompt", "sequence", "uses", "metric", "direction", "unit", "minimum", "version", "to", "note",
    "person",
]  # fmt: skip
RAW = [
    b"", b" ", b"{", b"null", b"[]", b"17", b'"x"', b"\xff\xfe", b"{}{}", b'{"a": NaN}', b'{"a": 1, "a": 2}',
    b'{"a": 1e999}',
    b'{"reason": "\\ud800"}', b'{"reason": "\\u0000"}', b"[" * 5_000, b'{"a":' * 5_000, b"x" * 100_000,
    b"\xef\xbb\xbf{}",
]  # fmt: skip
HEADERS: list[dict[str, str]] = [
    {}, {}, {}, {"content-type": "text/plain"}, {"content-type": "application/x-www-form-urlencoded"},
    {"content-encoding": "gzip"}, {"origin": "http://["}, {"host": "http://["}, {"authorization": "Basic x"},
    {"authorization": "Bearer rk_a_b"}, {"authorization": "Bearer " + "x" * 5_000},
    {"cookie": "ratchet_acting=\x01; ;="},
    {"if-none-match": '"'}, {"x-correlation-id": "a b"}, {"x-forwarded-for": "a,,[,"}, {"accept": "text/html"},
    {"idempotency-key": "two words"}, {"date": "never"}, {"range": "bytes=5-1"}, {"expect": "x"},
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class HostileRequest:
    """A request; `params` are its query parameters."""

    method: str
    path: str
    params: list[tuple[str, str]] = field(default_factory=list)
    content: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


def hostile_requests(
    openapi: Mapping[str, Any], each: int, seed: int, without: frozenset[str] = frozenset()
) -> Iterator[HostileRequest]:
    """Yield `each` requests of every operation except the paths `without`; the same for the same seed."""
    random = Random(seed)
    for path, operations in sorted(openapi["paths"].items()):
        for method, operation in sorted(operations.items()):
            if path not in without:
                for _ in range(each):
                    yield _request(random, method.upper(), path, operation, openapi)


def _request(random: Random, method: str, path: str, operation: Any, openapi: Mapping[str, Any]) -> HostileRequest:
    params: list[tuple[str, str]] = []
    for parameter in operation.get("parameters", ()):
        text = _sendable(random.choice(TEXTS))
        if parameter["in"] == "path":
            path = path.replace("{" + parameter["name"] + "}", _segment(text))
        elif parameter["in"] == "query" and random.random() < 0.6:
            params += [(parameter["name"], text)] * random.choice((1, 1, 1, 2))
    content = b"" if method == "GET" else _content(random, operation, openapi)
    headers = {"content-type": "application/json", **random.choice(HEADERS)}
    return HostileRequest(method, path, params, content, headers)


def _content(random: Random, operation: Any, openapi: Mapping[str, Any]) -> bytes:
    if random.random() < 0.3:
        return random.choice(RAW)
    names = [*_fields(operation, openapi), *random.sample(NAMES, 6)]
    body = {name: random.choice(VALUES) for name in names if random.random() < 0.7}
    return json.dumps(body).encode()


def _fields(operation: Any, openapi: Mapping[str, Any]) -> list[str]:
    """Return the fields of an operation's body, as far as the document describes them."""
    media = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    reference = str(media.get("schema", {}).get("$ref", "")).rpartition("/")[2]
    return list(openapi.get("components", {}).get("schemas", {}).get(reference, {}).get("properties", {}))


def _sendable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _segment(text: str) -> str:
    """Return a value for a path's segment, including characters that end it or stay encoded."""
    return "".join(f"%{byte:02X}" if byte < 33 or byte > 126 or chr(byte) in "%/?#" else chr(byte)
                   for byte in text.encode())  # fmt: skip
