"""HTTP requests of the sender: bounded in size and time, with an outcome for every failure."""

import contextlib
import time
import zlib
from collections.abc import Callable
from email.utils import formatdate
from typing import NamedTuple

import httpx

from ratchet.client.batch_outcomes import outcome
from ratchet.client.batches import Batch, Outcome, Retry

MAX_BYTES = 1_000_000

COMPRESSED_FROM = 4_096
"""Bytes of a body from which it is sent compressed: less takes few packets either way."""

_FASTEST = 1
_GZIP = 16 + zlib.MAX_WBITS
_UNREADABLE = (400, 415)
"""Statuses of a server that does not read compressed bodies, or of a body that it can't read either way."""

Transport = Callable[[], httpx.Client]


class _Answer(NamedTuple):
    status: int
    headers: httpx.Headers
    body: bytes


class BatchPoster:
    """Posts batches and never raises. Creates its HTTP client at the first post that can."""

    def __init__(
        self,
        new_client: Transport,
        timeout: float,
        monotonic: Callable[[], float] = time.monotonic,
        amends: bool = True,
    ) -> None:
        """`timeout`: seconds for the whole body of a response. `amends`: as for `outcome`."""
        self._new_client, self._timeout, self._monotonic = new_client, timeout, monotonic
        self._amends = amends
        self._client: httpx.Client | None = None
        self._compresses = True

    def post(self, batch: Batch) -> Outcome:
        """Post a batch and return its outcome; Retry where there is no valid response."""
        try:
            self._client = self._client or self._new_client()
        except Exception as error:  # a proxy, a certificate file, a missing module
            return Retry(f"the HTTP client can't be created: {type(error).__name__}: {error}", misconfigured=True)
        try:
            answer = self._post(self._client, batch)
        except Exception as error:  # any error: the items have no answer, and the thread must go on
            return Retry(type(error).__name__)
        return answer if isinstance(answer, Retry) else outcome(batch, *answer, self._amends)

    def close(self) -> None:
        """Close the HTTP client."""
        with contextlib.suppress(Exception):
            if self._client is not None:
                self._client.close()

    def _post(self, client: httpx.Client, batch: Batch) -> _Answer | Retry:
        """Post a large body compressed, and once more as it is where the server can't read that, under the same key."""
        if not self._compresses or len(batch.body) < COMPRESSED_FROM:
            return self._send(client, batch, batch.body, {})
        body = zlib.compress(batch.body, _FASTEST, _GZIP)  # the same bytes each time
        compressed = self._send(client, batch, body, {"content-encoding": "gzip"})
        if isinstance(compressed, Retry) or compressed.status not in _UNREADABLE:
            return compressed
        plain = self._send(client, batch, batch.body, {})
        if not isinstance(plain, Retry) and plain.status not in _UNREADABLE:
            self._compresses = False
        return plain

    def _send(self, client: httpx.Client, batch: Batch, content: bytes, encoding: dict[str, str]) -> _Answer | Retry:
        headers = {
            "content-type": "application/json",
            "idempotency-key": batch.key,
            "date": formatdate(usegmt=True),  # from which the server computes the clock skew
            **encoding,
        }
        with client.stream("POST", f"/v1/{batch.route}", content=content, headers=headers) as answer:
            body, deadline = bytearray(), self._monotonic() + self._timeout
            for chunk in answer.iter_bytes():
                body += chunk
                if len(body) > MAX_BYTES:
                    return Retry("the server's response is too long")
                if self._monotonic() > deadline:
                    return Retry("the server's response takes too long")
            return _Answer(answer.status_code, answer.headers, bytes(body))
