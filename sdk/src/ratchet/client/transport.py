"""HTTP requests of the sender: bounded in size and time, with an outcome for every failure."""

import contextlib
import time
from collections.abc import Callable
from email.utils import formatdate

import httpx

from ratchet.client.batches import Batch, Outcome, Retry
from ratchet.client.responses import outcome

MAX_BYTES = 1_000_000

Transport = Callable[[], httpx.Client]


class BatchPoster:
    """Posts batches and never raises. Creates its HTTP client at the first post that can."""

    def __init__(self, new_client: Transport, timeout: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        """`timeout`: seconds for the whole body of a response."""
        self._new_client, self._timeout, self._monotonic = new_client, timeout, monotonic
        self._client: httpx.Client | None = None

    def post(self, batch: Batch) -> Outcome:
        """Post a batch and return its outcome; Retry where there is no valid response."""
        try:
            self._client = self._client or self._new_client()
        except Exception as error:  # a proxy, a certificate file, a missing module
            return Retry(f"the HTTP client can't be created: {type(error).__name__}: {error}", misconfigured=True)
        try:
            return self._post(self._client, batch)
        except Exception as error:  # any error: the items have no answer, and the thread must go on
            return Retry(type(error).__name__)

    def close(self) -> None:
        """Close the HTTP client."""
        with contextlib.suppress(Exception):
            if self._client is not None:
                self._client.close()

    def _post(self, client: httpx.Client, batch: Batch) -> Outcome:
        headers = {
            "content-type": "application/json",
            "idempotency-key": batch.key,
            "date": formatdate(usegmt=True),  # from which the server computes the clock skew
        }
        with client.stream("POST", f"/v1/{batch.route}", content=batch.body, headers=headers) as answer:
            body, deadline = bytearray(), self._monotonic() + self._timeout
            for chunk in answer.iter_bytes():
                body += chunk
                if len(body) > MAX_BYTES:
                    return Retry("the server's response is too long")
                if self._monotonic() > deadline:
                    return Retry("the server's response takes too long")
            return outcome(batch, answer.status_code, answer.headers, bytes(body))
