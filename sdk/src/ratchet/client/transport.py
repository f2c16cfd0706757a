"""One request of the sender: bounded in size and time, and whatever happens to it is an outcome."""

import contextlib
import time
from collections.abc import Callable
from email.utils import formatdate

import httpx

from ratchet.client.queue import Batch, Outcome, Retry
from ratchet.client.responses import outcome

MOST_BYTES = 1_000_000

Transport = Callable[[], httpx.Client]


class BatchPoster:
    """Posts batches, and never raises. The HTTP client is made for the first; if it can't be, again for the next."""

    def __init__(self, new_client: Transport, timeout: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        """`timeout`: seconds for the body of an answer as a whole."""
        self._new_client, self._timeout, self._monotonic = new_client, timeout, monotonic
        self._client: httpx.Client | None = None

    def post(self, batch: Batch) -> Outcome:
        """What became of a batch; what has no proper answer is to be sent again."""
        try:
            self._client = self._client or self._new_client()
        except Exception as error:  # a proxy, a certificate file, a module that is not there
            return Retry(f"no HTTP client can be made: {type(error).__name__}: {error}", misconfigured=True)
        try:
            return self._posted(self._client, batch)
        except Exception as error:  # whatever it is, the items are not answered for, and the thread must live
            return Retry(type(error).__name__)

    def close(self) -> None:
        with contextlib.suppress(Exception):
            if self._client is not None:
                self._client.close()

    def _posted(self, client: httpx.Client, batch: Batch) -> Outcome:
        headers = {
            "content-type": "application/json",
            "idempotency-key": batch.key,
            "date": formatdate(usegmt=True),  # tells the server how wrong this machine's clock is
        }
        with client.stream("POST", f"/v1/{batch.route}", content=batch.body, headers=headers) as answer:
            body, deadline = bytearray(), self._monotonic() + self._timeout
            for chunk in answer.iter_bytes():
                body += chunk
                if len(body) > MOST_BYTES:
                    return Retry("the server's answer is too long")
                if self._monotonic() > deadline:
                    return Retry("the server's answer takes too long")
            return outcome(batch, answer.status_code, answer.headers, bytes(body))
