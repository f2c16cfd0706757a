"""Requests with the same content to each product: a comment about a known trace, and a trace."""

import itertools
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchmarks.ingest_load import comments

NOW = "2026-11-29T10:00:00Z"
TEXT = "the answer was not what I had asked for because it left out when and where to return an item and who pays " * 5
"""As in `client_calls`, which the peers' traces are made with."""


def http_request(path: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    """Return the bytes of a POST."""
    lines = [f"{name}: {value}\r\n" for name, value in {**headers, "Content-Length": str(len(body))}.items()]
    return f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{''.join(lines)}\r\n".encode() + body


def _json_request(path: str, body: object, **headers: str) -> bytes:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return http_request(path, json.dumps(body).encode(), {"Content-Type": "application/json", **named})


def ratchet_feedback(key: str, size: int = 1) -> Iterator[bytes]:
    """Comments about the executions `e0` to `e999`, each of a user of its own."""
    run, texts = os.urandom(6).hex(), comments(7)
    for number in itertools.count():
        items = [
            {"execution_id": f"e{at % 1000}", "kind": "comment", "value": texts[at % 512], "user": f"u{at}"}
            for at in range(number * size, (number + 1) * size)
        ]
        body = items[0] if size == 1 else items
        yield _json_request("/v1/feedback", body, Authorization=f"Bearer {key}", Idempotency_Key=f"{run}-{number}")


def ratchet_executions(key: str) -> Iterator[bytes]:
    """Executions with the texts of the peers' traces."""
    run = os.urandom(6).hex()
    for number in itertools.count():
        body = {"id": f"{run}-{number}", "target": "bot", "model": "gpt-5", "input": TEXT, "output": TEXT,
                "latency_ms": 1000, "prompts": [{"name": "answer", "version": "7"}]}  # fmt: skip
        yield _json_request("/v1/executions", body, Authorization=f"Bearer {key}", Idempotency_Key=f"{run}-{number}")


def mlflow_feedback(ids: Sequence[str]) -> Iterator[bytes]:
    """Comments as assessments of the traces; MLflow takes one a request."""
    texts = comments(7)
    for number in itertools.count():
        trace_id = ids[number % len(ids)]
        assessment = {
            "assessment_name": "comment",
            "trace_id": trace_id,
            "source": {"source_type": "HUMAN", "source_id": f"u{number}"},
            "feedback": {"value": texts[number % 512]},
            "create_time": NOW,
            "last_update_time": NOW,
        }
        yield _json_request(f"/api/3.0/mlflow/traces/{trace_id}/assessments", {"assessment": assessment})


def phoenix_feedback(ids: Sequence[str], size: int = 1) -> Iterator[bytes]:
    """Comments as annotations of the spans; `sync=true`: answered after they are stored, as the others do."""
    texts = comments(7)
    for number in itertools.count():
        data: list[dict[str, Any]] = [
            {
                "span_id": ids[at % len(ids)],
                "name": "comment",
                "annotator_kind": "HUMAN",
                "result": {"explanation": texts[at % 512]},
                "identifier": f"u{at}",
            }
            for at in range(number * size, (number + 1) * size)
        ]
        yield _json_request("/v1/span_annotations?sync=true", {"data": data})


def otlp_traces(otlp: bytes, trace_id: bytes) -> Iterator[bytes]:
    """Requests of one trace each, from that of `trace_id`, whose first half is the id of its span."""
    headers = {"Content-Type": "application/x-protobuf", "x-mlflow-experiment-id": "0"}
    while True:
        new = os.urandom(16)
        body = otlp.replace(trace_id, new).replace(trace_id[:8], new[:8])
        yield http_request("/v1/traces", body, headers)
