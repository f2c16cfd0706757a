"""An app whose calls of a model an instrumentation records, with OpenTelemetry's own exporter, set up by environment.

`python -m tests.support.instrumented_app openinference` (or `openllmetry`, `opentelemetry`). The model is a server in
this process that answers like OpenAI's. Prints the trace id.
"""

import contextlib
import importlib
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

INSTRUMENTATIONS = {
    "openinference": "openinference.instrumentation.openai",
    "openllmetry": "opentelemetry.instrumentation.openai",
    "opentelemetry": "opentelemetry.instrumentation.openai_v2",
}
QUESTION = "Weather in Paris?"
ANSWER = "Paris is rainy."
_TOOLS = [{"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {}}}}]
_CALL = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city":"Paris"}'}}
_USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}


class _Model(BaseHTTPRequestHandler):
    """Answers with a tool call where the request has tools, and with an error where it asks for one."""

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path.endswith("/embeddings"):
            vector = {"object": "embedding", "index": 0, "embedding": [0.5]}
            self._send(200, {"object": "list", "data": [vector], "model": "e", "usage": _USAGE})
        elif request["messages"][-1]["content"] == "fail":
            self._send(400, {"error": {"message": "no", "type": "invalid_request_error", "code": "x"}})
        else:
            self._send(200, _completion("tools" in request))

    def _send(self, status: int, document: dict[str, Any]) -> None:
        content = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None: ...


def _completion(with_tool_call: bool) -> dict[str, Any]:
    reply: dict[str, Any] = {"content": None, "tool_calls": [_CALL]} if with_tool_call else {"content": ANSWER}
    finish = "tool_calls" if with_tool_call else "stop"
    choice = {"index": 0, "message": {"role": "assistant", **reply}, "finish_reason": finish, "logprobs": None}
    return {"id": "c1", "object": "chat.completion", "created": 1, "model": "gpt-4o-2024", "choices": [choice],
            "usage": _USAGE}  # fmt: skip


def _use_model(client: Any) -> None:
    """Make four requests: a question, one with a tool, an embedding, and one that fails."""
    system = {"role": "system", "content": "Be brief."}
    chat = client.chat.completions
    chat.create(model="gpt-4o", temperature=0.5, messages=[system, {"role": "user", "content": QUESTION}])
    chat.create(model="gpt-4o", messages=[{"role": "user", "content": "And now?"}], tools=_TOOLS)
    client.embeddings.create(model="e", input="x")
    with contextlib.suppress(Exception):
        chat.create(model="gpt-4o", messages=[{"role": "user", "content": "fail"}])


def main(instrumentation: str) -> None:
    """Use the model within one span of the app, and export all spans."""
    from openai import OpenAI
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    importlib.import_module(INSTRUMENTATIONS[instrumentation]).OpenAIInstrumentor().instrument(tracer_provider=provider)
    with ThreadingHTTPServer(("127.0.0.1", 0), _Model) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        client = OpenAI(base_url=f"http://127.0.0.1:{server.server_port}/v1", api_key="x", max_retries=0)
        with trace.get_tracer("app").start_as_current_span("request") as span:
            _use_model(client)
            print(f"{span.get_span_context().trace_id:032x}")
        provider.shutdown()
        server.shutdown()


if __name__ == "__main__":
    main(sys.argv[1])
