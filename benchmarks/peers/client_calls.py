"""Seeds a peer's server with traces, and measures its client's call; runs in the peer's own environment.

    python client_calls.py seed  mlflow|phoenix URL FILE
    python client_calls.py call  mlflow|phoenix|langfuse URL CALLS

`seed` sends 1,000 traces by OTLP and writes the ids that feedback names to FILE, with the OTLP request of one trace for
the load. `call` prints the processor and the wall time of one call that gives a trace a thumb, in microseconds: the
medians in the thread that calls, and the processor time of the whole process.
"""

import importlib
import json
import os
import statistics
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

TRACES = 1_000
TEXT = "the answer was not what I had asked for because it left out when and where to return an item and who pays " * 5
CHUNK = 20
MLFLOW_EXPERIMENT = "0"


def otlp_request(trace_ids: list[bytes]) -> bytes:
    """Return an OTLP request of these traces, each with one span whose id is the first half of the trace's."""
    service = importlib.import_module("opentelemetry.proto.collector.trace.v1.trace_service_pb2")
    trace = importlib.import_module("opentelemetry.proto.trace.v1.trace_pb2")
    common = importlib.import_module("opentelemetry.proto.common.v1.common_pb2")
    now = time.time_ns()
    attributes = {
        "input.value": TEXT,
        "output.value": TEXT,
        "llm.model_name": "gpt-5",
        "openinference.span.kind": "LLM",
    }
    pairs = [common.KeyValue(key=key, value=common.AnyValue(string_value=value)) for key, value in attributes.items()]
    spans = [
        trace.Span(trace_id=each, span_id=each[:8], name="answer", kind=1, start_time_unix_nano=now - 10**9,
                   end_time_unix_nano=now, attributes=pairs)
        for each in trace_ids
    ]  # fmt: skip
    scopes = [trace.ScopeSpans(spans=spans)]
    request = service.ExportTraceServiceRequest(resource_spans=[trace.ResourceSpans(scope_spans=scopes)])
    content: bytes = request.SerializeToString()
    return content


def seed(peer: str, url: str, file: Path) -> None:
    """Send the traces; write their ids and the request of one as hexadecimal digits."""
    ids = [os.urandom(16) for _ in range(TRACES)]
    headers = {"content-type": "application/x-protobuf", "x-mlflow-experiment-id": MLFLOW_EXPERIMENT}
    for start in range(0, TRACES, 50):
        body = otlp_request(ids[start : start + 50])
        urllib.request.urlopen(urllib.request.Request(f"{url}/v1/traces", body, headers), timeout=120).read()
    if peer == "phoenix":
        await_spans(url, [each[:8].hex() for each in ids])
    names = [f"tr-{each.hex()}" if peer == "mlflow" else each[:8].hex() for each in ids]
    file.write_text(json.dumps({"ids": names, "trace_id": ids[0].hex(), "otlp": otlp_request(ids[:1]).hex()}))


def await_spans(url: str, span_ids: list[str]) -> None:
    """Wait until all spans are stored: Phoenix answers before that."""
    data = [{"span_id": each, "name": "seen", "annotator_kind": "CODE", "result": {"score": 1}} for each in span_ids]
    request = urllib.request.Request(
        f"{url}/v1/span_annotations?sync=true",
        json.dumps({"data": data}).encode(),
        {"content-type": "application/json"},
    )
    until = time.monotonic() + 180
    while True:
        try:
            urllib.request.urlopen(request, timeout=120).read()
        except urllib.error.HTTPError as error:
            if error.code != 404 or time.monotonic() > until:
                raise
            time.sleep(0.5)
        else:
            return


def caller(peer: str, url: str, ids: list[str]) -> tuple[Callable[[int], object], Callable[[], object]]:
    """Return a function that gives a trace a thumb, and one that waits until all is sent."""
    if peer == "mlflow":
        mlflow = importlib.import_module("mlflow")
        entities: Any = importlib.import_module("mlflow.entities")
        mlflow.set_tracking_uri(url)
        source = entities.AssessmentSource(source_type="HUMAN", source_id="u17")
        return (
            lambda number: mlflow.log_feedback(
                trace_id=ids[number % len(ids)], name="thumb", value=True, source=source
            ),
            lambda: None,
        )
    if peer == "phoenix":
        client = importlib.import_module("phoenix.client").Client(base_url=url)
        return (
            lambda number: client.spans.add_span_annotation(
                span_id=ids[number % len(ids)], annotation_name="thumb", label="up", score=1.0,
                identifier=f"u{number}", sync=True,
            ),
            lambda: None,
        )  # fmt: skip
    langfuse = importlib.import_module("langfuse").Langfuse(public_key="pk-lf-x", secret_key="sk-lf-x", host=url)
    return (
        lambda number: langfuse.create_score(name="thumb", value=1, data_type="BOOLEAN", trace_id=f"{number:032x}"),
        langfuse.flush,
    )


def call(peer: str, url: str, calls: int, ids: list[str]) -> dict[str, float]:
    """Return the microseconds of one call: `thread` and `wall` are medians over chunks of calls."""
    give, flush = caller(peer, url, ids)
    for number in range(CHUNK):
        give(number)
    flush()
    thread: list[float] = []
    wall: list[float] = []
    spent = time.process_time()
    for start in range(CHUNK, CHUNK + calls, CHUNK):
        before, began = time.thread_time(), time.perf_counter()
        for number in range(start, start + CHUNK):
            give(number)
        wall.append(1e6 * (time.perf_counter() - began) / CHUNK)
        thread.append(1e6 * (time.thread_time() - before) / CHUNK)
    flush()
    process = 1e6 * (time.process_time() - spent) / (len(thread) * CHUNK)
    return {"thread": statistics.median(thread), "wall": statistics.median(wall), "process": process}


def main() -> None:
    command, peer, url, last = sys.argv[1:5]
    if command == "seed":
        seed(peer, url, Path(last))
    else:
        ids = json.loads(Path(sys.argv[5]).read_text())["ids"] if len(sys.argv) > 5 else []
        print(json.dumps(call(peer, url, int(last), ids)))


if __name__ == "__main__":
    main()
