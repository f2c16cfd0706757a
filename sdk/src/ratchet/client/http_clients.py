"""HTTP clients of the server, with the key; each thread that sends or waits creates its own."""

from typing import Any, Protocol, cast

import httpx

from ratchet.client.options import Options, certificates


class AnyTransport(Protocol):
    """An httpx transport for sync and async clients, as `httpx.MockTransport` is."""

    def handle_request(self, request: httpx.Request) -> httpx.Response: ...

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response: ...


class HttpClients:
    """Creates clients with the URL, key and timeout of the options; `transport` replaces the network."""

    def __init__(self, options: Options, transport: AnyTransport | None) -> None:
        self._options = options
        self.transport = transport

    def new_sync(self) -> httpx.Client:
        return httpx.Client(transport=cast(httpx.BaseTransport | None, self.transport), **self._arguments())

    def new_async(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=cast(httpx.AsyncBaseTransport | None, self.transport), **self._arguments())

    def _arguments(self) -> dict[str, Any]:
        headers = {
            "authorization": f"Bearer {self._options.key}",
            "user-agent": "ratchet-python",
            "accept-encoding": "identity",  # a few compressed bytes can expand to very many
        }
        url, timeout = self._options.url, self._options.timeout
        return {"base_url": url, "headers": headers, "timeout": timeout, "verify": certificates(url)}
