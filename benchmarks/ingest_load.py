"""A load generator with little overhead: raw HTTP/1.1 on keep-alive connections, one request at a time on each."""

import asyncio
import itertools
import json
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import cast

from benchmarks.ingest_cost import Cost, Meter

TEXT = (
    "the answer was not what I had asked for because it left out when and where to return an item and who pays "
    "while the former one named all of this in two short lines which helped a lot so please bring it back thanks "
    "great wrong slow helpful unclear price delivery order refund policy shipping size colour number page"
)
WORDS = TEXT.split()


@dataclass(frozen=True, slots=True)
class Figure:
    """The figures of one load. Times in milliseconds; `per_second` and `cost` count feedback, not requests."""

    per_second: float
    p50: float
    p99: float
    refused: int
    cost: Cost


def comments(seed: int, count: int = 512) -> list[str]:
    """Return typical comments of 200 characters; one in ten contains a number, one in fifty an address."""
    rng = random.Random(seed)
    texts = []
    for index in range(count):
        words = [rng.choice(WORDS) for _ in range(60)]
        if index % 10 == 0:
            words[5] = str(rng.randrange(10_000))
        if index % 50 == 0:
            words[7] = "ann.smith@example.com"
        texts.append(" ".join(words)[:200])
    return texts


def requests(key: str, size: int) -> Iterator[bytes]:
    """Yield requests endlessly: single objects if `size` is 1, otherwise arrays. No two have the same
    Idempotency-Key.
    """
    texts = [json.dumps(text) for text in comments(7)]
    run = random.randbytes(6).hex()
    for number in itertools.count():
        items = [
            f'{{"execution_id":"e{(at := number * size + offset) % 1000}","kind":"comment","user":"u{at}",'
            f'"value":{texts[at % 512]},"consent":{{"quality":true}}}}'
            for offset in range(size)
        ]
        body = items[0] if size == 1 else f"[{','.join(items)}]"
        yield (
            f"POST /v1/feedback HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {key}\r\n"
            f"Content-Type: application/json\r\nIdempotency-Key: {run}-{number}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}"
        ).encode()


class Connection(asyncio.Protocol):
    """Sends a request, waits for its complete response, sends the next."""

    def __init__(self, source: Iterator[bytes], on_answer: Callable[[float, bool], None]) -> None:
        self._source = source
        self._on_answer = on_answer
        self._buffer = b""
        self._sent_at = 0.0
        self.stopped = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)  # uvloop's transport is not a subclass of asyncio's
        self._send()

    def _send(self) -> None:
        if self.stopped:
            self._transport.close()
            return
        self._sent_at = time.perf_counter()
        self._transport.write(next(self._source))

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        head = self._buffer.find(b"\r\n\r\n")
        if head < 0:
            return
        at = self._buffer.find(b"content-length: ") + 16
        length = int(self._buffer[at : self._buffer.index(b"\r\n", at)])
        if len(self._buffer) < head + 4 + length:
            return
        self._on_answer(time.perf_counter() - self._sent_at, self._buffer.startswith(b"HTTP/1.1 200"))
        self._buffer = b""
        self._send()


async def measure(port: int, key: str, connections: int, size: int, seconds: float, meter: Meter) -> Figure:
    """Load 127.0.0.1:`port` with feedback for `seconds`, after a warm-up of a second."""
    return await measure_requests(port, requests(key, size), connections, size, seconds, meter)


async def measure_requests(
    port: int, source: Iterator[bytes], connections: int, size: int, seconds: float, meter: Meter
) -> Figure:
    """Load 127.0.0.1:`port` with requests of `size` items, after a warm-up of a second."""
    durations: list[float] = []
    refused = 0

    def on_answer(duration: float, ok: bool) -> None:
        nonlocal refused
        durations.append(duration)
        refused += not ok

    loop = asyncio.get_running_loop()
    made = [
        (await loop.create_connection(lambda: Connection(source, on_answer), "127.0.0.1", port))[1]
        for _ in range(connections)
    ]
    await asyncio.sleep(1)
    before = await meter.read()
    durations.clear()
    started = time.perf_counter()
    await asyncio.sleep(seconds)
    elapsed = time.perf_counter() - started
    counted = sorted(durations)
    after = await meter.read()
    cost = after.per_item(before, len(durations) * size)  # including those answered while the meter was read
    for connection in made:
        connection.stopped = True
    await asyncio.sleep(0.3)
    if not counted:
        raise RuntimeError(f"no answer within {elapsed:.0f} s")
    quantile = [1000 * counted[int(share * (len(counted) - 1))] for share in (0.5, 0.99)]
    return Figure(len(counted) * size / elapsed, quantile[0], quantile[1], refused, cost)
