"""One client for the whole process, created explicitly by `configure`."""

import os
import threading
from typing import Unpack, overload

from ratchet.client.client_base import Client
from ratchet.client.clients import AsyncRatchet, Ratchet
from ratchet.client.http_clients import AnyTransport
from ratchet.client.options import OptionFields
from ratchet.errors import NotConfigured

_DRAIN_S = 30.0
"""Seconds that a replaced client may go on sending what it accepted."""


class ClientHolder:
    """Holds the client that `configure` created last. Thread-safe, also after a fork."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._client: Client | None = None
        self._options: object = None
        if hasattr(os, "register_at_fork"):  # not on Windows
            os.register_at_fork(after_in_child=self._reset_lock)

    @property
    def client(self) -> Client:
        """The configured client. Raises NotConfigured."""
        if self._client is None:
            raise NotConfigured("call ratchet.configure() before ratchet.get_client()")
        return self._client

    def configure(self, kind: type[Client], url: str | None, key: str | None, transport: AnyTransport | None,
                  **options: Unpack[OptionFields]) -> Client:  # fmt: skip
        """Return the held client if it has these options, else a new one. Raises ConfigurationError."""
        new = kind(url, key, transport=transport, **options)
        wanted = (kind, new.options, transport)
        with self._lock:
            if self._client is not None and self._options == wanted:
                return self._client
            replaced, self._client, self._options = self._client, new, wanted
        if replaced is not None:
            threading.Thread(target=replaced.drain, args=(_DRAIN_S,), name="ratchet-drain", daemon=True).start()
        return new

    def _reset_lock(self) -> None:
        self._lock = threading.Lock()


_HOLDER = ClientHolder()


@overload
def configure(
    url: str | None = None,
    key: str | None = None,
    *,
    kind: type[Ratchet] = Ratchet,
    transport: AnyTransport | None = None,
    **options: Unpack[OptionFields],
) -> Ratchet: ...


@overload
def configure(
    url: str | None = None,
    key: str | None = None,
    *,
    kind: type[AsyncRatchet],
    transport: AnyTransport | None = None,
    **options: Unpack[OptionFields],
) -> AsyncRatchet: ...


def configure(
    url: str | None = None,
    key: str | None = None,
    *,
    kind: type[Client] = Ratchet,
    transport: AnyTransport | None = None,
    **options: Unpack[OptionFields],
) -> Client:
    """Create the client of this process, from arguments, else from environment variables (see `OptionFields`).

    A repeated call with the same options returns the same client, so that a notebook's cell can run again; with others
    it replaces the client, which sends what it accepted in the background. `kind`: `Ratchet`, or `AsyncRatchet` for
    asyncio. Reads the environment now, and nothing at import. Raises ConfigurationError.
    """
    return _HOLDER.configure(kind, url, key, transport, **options)


def get_client() -> Client:
    """Return the client that `configure` created. Raises NotConfigured."""
    return _HOLDER.client
