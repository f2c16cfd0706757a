"""Ragas in a process of its own: reads requests for scores as JSON lines, and asks its parent for each HTTP call.

It is run by path with any Python that has Ragas, and imports nothing of Ratchet. It has neither credentials nor a
network: its client's transport sends each call to the parent, which keeps the limits. Ragas' telemetry is off before
its import: it blocks the event loop.
"""

import asyncio
import importlib
import json
import math
import os
import threading
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any, TextIO

import httpx

_score_id: ContextVar[int] = ContextVar("score_id")
_TUNABLE = ("temperature", "max_tokens", "max_completion_tokens", "top_p", "seed", "reasoning_effort")


class ParentTransport(httpx.AsyncBaseTransport):
    """Has the parent make the calls of this process; counts those to the embeddings of each score."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._calls = 0
        self.embedded: set[int] = set()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Return the reply that the parent got."""
        self._calls += 1
        number, score = self._calls, _score_id.get()
        path = request.url.path
        if path == "/embeddings":
            self.embedded.add(score)
        future = self._waiting[number] = asyncio.get_running_loop().create_future()
        body = json.loads(await request.aread())
        self.send({"call": number, "score": score, "path": path, "body": body})
        reply = await future
        return httpx.Response(reply["status"], json=reply["body"], request=request)

    def receive(self, message: Mapping[str, Any]) -> None:
        """Pass the parent's reply to the call that waits for it."""
        future = self._waiting.pop(message["reply"], None)
        if future is not None and not future.done():
            future.set_result(dict(message))

    def send(self, message: Mapping[str, Any]) -> None:
        """Write a message to the parent."""
        self._out.write(json.dumps(message) + "\n")
        self._out.flush()


class RagasMetrics:
    """Ragas' metrics with their models."""

    def __init__(self, transport: ParentTransport) -> None:
        self._collections = importlib.import_module("ragas.metrics.collections")
        self._llm_factory = importlib.import_module("ragas.llms").llm_factory
        self._embeddings = importlib.import_module("ragas.embeddings").OpenAIEmbeddings
        self._transport = transport
        self._client = importlib.import_module("openai").AsyncOpenAI(
            api_key="held by the parent",
            base_url="http://parent",
            max_retries=0,
            http_client=httpx.AsyncClient(transport=transport),
            timeout=None,
        )

    async def score(self, asked: Mapping[str, Any]) -> float:
        """Return the score of one answer; NaN if Ragas can't tell. Raises whatever Ragas does."""
        tuned = {key: value for key, value in asked["parameters"].items() if key in _TUNABLE}
        llm = self._llm_factory(asked["model"], client=self._client, **tuned)
        question, answer, contexts = asked["input"], asked["output"], asked["contexts"]
        if asked["method"] == "faithfulness":
            metric = self._collections.Faithfulness(llm=llm)
            result = await metric.ascore(user_input=question, response=answer, retrieved_contexts=contexts)
        elif asked["method"] == "answer_relevancy":
            embeddings = self._embeddings(client=self._client, model=asked["embedding_model"])
            metric = self._collections.AnswerRelevancy(llm=llm, embeddings=embeddings)
            result = await metric.ascore(user_input=question, response=answer)
            if asked["score"] not in self._transport.embedded:
                return math.nan  # no question could be made from the answer, which Ragas calls 0
        elif asked["reference"] is not None:
            metric = self._collections.ContextPrecisionWithReference(llm=llm)
            result = await metric.ascore(user_input=question, reference=asked["reference"], retrieved_contexts=contexts)
        else:
            metric = self._collections.ContextPrecisionWithoutReference(llm=llm)
            result = await metric.ascore(user_input=question, response=answer, retrieved_contexts=contexts)
        return float(result.value)


async def answer_score(metrics: RagasMetrics, transport: ParentTransport, asked: Mapping[str, Any]) -> None:
    """Score one answer and report the value, or why there is none."""
    _score_id.set(asked["score"])
    try:
        value = await metrics.score(asked)
    except Exception as error:  # the model's replies are untrusted: whatever they break is an unknown score
        transport.send({"score": asked["score"], "unknown": f"Ragas failed: {type(error).__name__}"})
    else:
        known = {"value": value} if math.isfinite(value) else {"unknown": "Ragas has no score: NaN"}
        transport.send({"score": asked["score"], **known})
    finally:
        transport.embedded.discard(asked["score"])


async def serve(source: TextIO, out: TextIO) -> None:
    """Answer requests until the input ends."""
    transport = ParentTransport(out)
    try:
        metrics = RagasMetrics(transport)
    except ImportError as error:
        transport.send({"fatal": f"Ragas can't be imported: {error.name or type(error).__name__}"})
        return
    transport.send({"ready": True})
    lines: asyncio.Queue[str | None] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def read() -> None:
        for line in source:
            loop.call_soon_threadsafe(lines.put_nowait, line)
        loop.call_soon_threadsafe(lines.put_nowait, None)

    threading.Thread(target=read, daemon=True).start()
    tasks: set[asyncio.Task[None]] = set()
    while (line := await lines.get()) is not None:
        message = json.loads(line)
        if "reply" in message:
            transport.receive(message)
        else:
            task = asyncio.create_task(answer_score(metrics, transport, message))
            tasks.add(task)
            task.add_done_callback(tasks.discard)


def main() -> None:
    """Serve on standard input and output; whatever a library prints goes to standard error."""
    os.environ["RAGAS_DO_NOT_TRACK"] = "true"
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    asyncio.run(serve(os.fdopen(0, "r", encoding="utf-8", closefd=False), out))


if __name__ == "__main__":
    main()
