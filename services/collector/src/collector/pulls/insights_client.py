"""Queries of CloudWatch Logs Insights: start one, wait for its result, and retry throttled requests."""

import contextlib
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from collector.pulls.insights_errors import explain
from collector.pulls.pull_source import SourceError, Stopped

Fields = Sequence[Mapping[str, str]]
_RETRY_AFTER_S = (1.0, 2.0, 4.0, 8.0, 15.0)
_FIRST_POLL_S, _LONGEST_POLL_S = 0.5, 5.0


class QueryTooSlow(Exception):
    """A query did not finish in time. A query of a shorter time range may."""


class InsightsClient:
    """Runs queries one after the other."""

    def __init__(
        self,
        logs: Any,
        timeout_s: float,
        wait: Callable[[float], bool] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`logs` is a client of boto3. `wait` waits for a number of seconds and returns whether the process ends."""
        self._stop = threading.Event()
        self._wait = wait or self._stop.wait
        self._logs = logs
        self._timeout_s = timeout_s
        self._monotonic = monotonic

    def query(self, groups: Sequence[str], text: str, start: int, end: int, limit: int) -> list[Fields]:
        """Return at most `limit` rows of the time from `start` to `end` (Unix seconds, both included).

        Raises SourceError, QueryTooSlow, or Stopped.
        """
        by_arn = any(group.startswith("arn:") for group in groups)
        where = {"logGroupIdentifiers" if by_arn else "logGroupNames": list(groups)}
        request = {**where, "startTime": start, "endTime": end, "queryString": text, "limit": limit}
        query_id = self._call(self._logs.start_query, request)["queryId"]
        try:
            return self._await_rows(query_id)
        except BaseException:
            with contextlib.suppress(ClientError, BotoCoreError):  # it may have ended; others are not charged for it
                self._logs.stop_query(queryId=query_id)
            raise

    def close(self) -> None:
        """Close connections. Waits in progress raise Stopped."""
        self._stop.set()
        self._logs.close()

    def _await_rows(self, query_id: str) -> list[Fields]:
        deadline, pause = self._monotonic() + self._timeout_s, _FIRST_POLL_S
        while True:
            answer = self._call(self._logs.get_query_results, {"queryId": query_id})
            status = answer["status"]
            if status == "Complete":
                return self._all_pages(query_id, answer)
            if status == "Timeout":
                raise QueryTooSlow
            if status in ("Failed", "Cancelled"):
                raise SourceError("invalid-answer", f"CloudWatch Logs ended the query with the status {status}")
            if self._monotonic() >= deadline:
                if status == "Scheduled":
                    reason = f"CloudWatch Logs did not begin a query within {self._timeout_s:.0f} s"
                    raise SourceError("unreachable", reason)
                raise QueryTooSlow
            self._pause(pause)
            pause = min(1.5 * pause, _LONGEST_POLL_S)

    def _all_pages(self, query_id: str, answer: Mapping[str, Any]) -> list[Fields]:
        rows: list[Fields] = list(answer["results"])
        while token := answer.get("nextToken"):
            answer = self._call(self._logs.get_query_results, {"queryId": query_id, "nextToken": token})
            rows += answer["results"]
        return rows

    def _call(self, operation: Callable[..., Any], parameters: Mapping[str, Any]) -> Any:
        """Return the answer. Repeats a request that was throttled or lost. Raises SourceError."""
        for pause in (*_RETRY_AFTER_S, None):
            try:
                return operation(**parameters)
            except (ClientError, BotoCoreError) as error:
                failure = explain(error)
                if pause is None or not failure.passes:
                    raise SourceError(failure.code, failure.reason) from error
            self._pause(pause)
        raise AssertionError

    def _pause(self, seconds: float) -> None:
        if self._wait(seconds):
            raise Stopped
