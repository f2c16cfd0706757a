"""Clients that send a byte now and then do not delay others, and are disconnected at the deadline (row H3)."""

import asyncio
import contextlib
from itertools import cycle, islice
from urllib.parse import urlsplit

from tests.faults.conftest import MakeFleet
from tests.support.load import Load, posts
from tests.support.soak import scaled

_SLOW_CLIENTS = 400
_POSTS, _RATE = scaled((400, 40), (4000, 40))
_BYTE_EVERY_S = 0.25
_DEADLINE_S = 15.0
_BEGINNINGS = (
    b"",
    b"GET /health/live HTTP/1.1\r\nHost: x\r\nX-Long: ",
    b"POST /v1/feedback HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n",
    b"POST /v1/feedback HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nFFFF\r\n",
    b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\nGET /health/live HTTP/1.1\r\n",
)


async def test_slow_clients_do_not_delay_others(make_fleet: MakeFleet) -> None:
    """While 400 clients send a byte at a time, each post of an honest client is answered at its first attempt."""
    fleet = await asyncio.to_thread(make_fleet)
    await asyncio.to_thread(fleet.start, ["gatekeeper", "collector"])
    collector = fleet.first_instance("collector")
    slow = [
        asyncio.create_task(_send_slowly(collector.url, beginning))
        for beginning in islice(cycle(_BEGINNINGS), _SLOW_CLIENTS)
    ]
    load = Load([collector.url], fleet.keys["ingest_key"], posts(_POSTS, "honest"), _RATE)
    await load.run(within=300)
    assert (len(load.acknowledged), load.failures.total()) == (_POSTS, 0)
    ended = await asyncio.gather(*slow)
    assert min(ended) > 0, "a slow client was refused: the limit of connections was tested, not the deadline"


async def _send_slowly(url: str, beginning: bytes) -> int:
    """Send `beginning`, then single bytes, until the server disconnects; return how many bytes were sent."""
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(beginning)
    sent, closed = 0, asyncio.create_task(_read_to_end(reader))
    async with asyncio.timeout(10 * _DEADLINE_S):
        while not closed.done():
            writer.write(b"a")
            sent += 1
            await asyncio.wait([closed], timeout=_BYTE_EVERY_S)
    writer.close()
    return sent


async def _read_to_end(reader: asyncio.StreamReader) -> None:
    with contextlib.suppress(OSError):
        await reader.read()
