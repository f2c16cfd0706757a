"""A process of apps that follow one prompt: reports when each of its clients received and served every version.

`python -m benchmarks.latency_watchers URL KEY NAME CLIENTS KIND` prints `connected`, then for each version, once all
clients serve it, its digest with [received, served] of each client, in Unix seconds. It ends when its standard input is
closed. `KIND` is "SDK clients", or "bare connections", which read events and neither verify nor serve them.
"""

import asyncio
import json
import os
import re
import sys
import threading
import time
from urllib.parse import urlsplit

from ratchet import Ratchet
from ratchet.client.prompt_cache import PromptCache
from shared.web.event_stream import CONNECTED


class Arrivals:
    """The times at which clients received and served a version; printed once all have."""

    def __init__(self, clients: int) -> None:
        self._clients = clients
        self._lock = threading.Lock()
        self._times: dict[str, list[tuple[float, float]]] = {}

    def add(self, digest: str, received: float, served: float) -> None:
        """Record that one client serves a version."""
        with self._lock:
            times = self._times.setdefault(digest, [])
            times.append((received, served))
            if len(times) == self._clients:
                print(json.dumps([digest, times]), flush=True)


def observe(name: str, arrivals: Arrivals) -> None:
    """Let every cache of this process report a new version, so that no client has to be polled."""
    accept = PromptCache.accept_prompt

    def timed(cache: PromptCache, payload: object, names: frozenset[str]) -> bool:
        received, before = time.time(), cache.get(name)
        accepted = accept(cache, payload, names)
        live = cache.get(name)
        if live is not None and (before is None or before.sequence != live.sequence):
            arrivals.add(live.prompt.digest, received, time.time())
        return accepted

    setattr(PromptCache, PromptCache.accept_prompt.__name__, timed)


async def read_bare(url: str, key: str, name: str, clients: int) -> None:
    """Read the stream of one prompt on many connections, until standard input ends."""
    arrivals, address = Arrivals(clients), urlsplit(url)
    request = f"GET /v1/stream?names={name} HTTP/1.1\r\nhost: {address.netloc}\r\nauthorization: Bearer {key}\r\n\r\n"

    async def read(stream: asyncio.StreamReader) -> None:
        while True:
            event = await stream.readuntil(b"\n\n")
            if found := re.search(rb'^data: .*?"digest":"([^"]+)"', event, re.MULTILINE):
                arrivals.add(found[1].decode(), now := time.time(), now)

    tasks, writers = [], []
    for _ in range(clients):
        stream, writer = await asyncio.open_connection(address.hostname, address.port)
        writers.append(writer)
        writer.write(request.encode())
        await stream.readuntil(CONNECTED)
        tasks.append(asyncio.create_task(read(stream)))
    print("connected", flush=True)
    await asyncio.to_thread(sys.stdin.read)


def main() -> None:
    url, key, name, clients, kind = sys.argv[1:]
    if kind == "bare connections":
        asyncio.run(read_bare(url, key, name, int(clients)))
        return
    observe(name, Arrivals(int(clients)))
    apps = [Ratchet(url, key, first_wait=30) for _ in range(int(clients))]
    for app in apps:
        app.prompt(name, "default")
    print("connected", flush=True)
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()
