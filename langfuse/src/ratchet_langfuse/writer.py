"""Writing of scores: the only requests of this client that change something."""

from collections.abc import Mapping
from typing import Any

import httpx

from ratchet_langfuse.errors import LangfuseError
from ratchet_langfuse.http import Server

SCORES = "/api/public/scores"
_PARTLY_REFUSED = 207


class ScoreRefused(LangfuseError):
    """The server refuses this body for good."""


class ScoreWriter(Server):
    """POST of scores, with the retries of a reader: a score has an id, so that a repeat replaces it."""

    _verb = "write to"

    def create_score(self, body: Mapping[str, Any]) -> bool:
        """Write a score; return whether it was accepted. A refused one must not be sent again. Raises LangfuseError."""
        try:
            response = self._retried(SCORES, lambda: self._client.post(SCORES, json=dict(body)), lambda found: found)
        except ScoreRefused:
            return False
        return response.status_code != _PARTLY_REFUSED

    def _permanent_error(self, path: str, response: httpx.Response) -> LangfuseError:
        error = super()._permanent_error(path, response)
        return ScoreRefused(str(error)) if response.status_code in (400, 409, 413, 422) else error
