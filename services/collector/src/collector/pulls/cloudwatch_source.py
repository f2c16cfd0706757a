"""Reads executions, feedback and calls of tools from log groups of CloudWatch."""

import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from collector.domain.pulls.insights_rows import LogRow, read_row
from collector.domain.pulls.pull_window import Slice
from collector.domain.pulls.pulled_item import PulledItem
from collector.domain.pulls.tool_call_matches import LoggedCall, assign_calls
from collector.pulls.cloudwatch_options import CloudWatchPull, ToolLog
from collector.pulls.cloudwatch_session import open_logs
from collector.pulls.insights_client import InsightsClient, QueryTooSlow
from collector.pulls.log_conversion import ExecutionMapping, ToolMapping
from collector.pulls.pull_source import SliceTooLarge, SourceError

MAX_TOOL_CALLS = 50_000
"""Calls of tools that are held in memory for a slice."""
_GROUP = 500
"""Rows that are ingested together."""
_SHORTEST = timedelta(seconds=1)


class CloudWatchSource:
    """Log groups, read by queries of Logs Insights."""

    def __init__(
        self,
        pull: CloudWatchPull,
        logs: Any = None,
        wait: Callable[[float], bool] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`logs` is a client of boto3. `wait` waits for a number of seconds and returns whether the process ends."""
        self._pull = pull
        self._insights = InsightsClient(logs or open_logs(pull), pull.query_timeout_s, wait, monotonic)
        self._mapping = ExecutionMapping(pull)

    def read(self, part: Slice) -> Iterator[Sequence[PulledItem]]:
        """Yield what was logged in a slice: groups of executions, each before a group of their feedback."""
        rows = deque(self._read_rows(part))
        tools, index = self._pull.tools, 0
        assigned: dict[int, list[Mapping[str, Any]]] = {}
        if tools is not None and rows:
            calls, unreadable = self._read_calls(tools, part)
            yield unreadable
            executions = [(self._mapping.key(row), row.at) for row in rows]
            assigned = assign_calls(calls, executions, timedelta(minutes=tools.window_minutes))
        while rows:
            items: list[PulledItem] = []
            for _ in range(min(_GROUP, len(rows))):
                items += self._mapping.items(rows.popleft(), assigned.get(index, ()))
                index += 1
            yield [item for item in items if item.route == "executions"]
            yield [item for item in items if item.route == "feedback"]

    def close(self) -> None:
        """Close connections. Waits in progress raise Stopped."""
        self._insights.close()

    def _read_rows(self, part: Slice) -> Iterable[LogRow]:
        """Return the rows of a slice. Raises SliceTooLarge where halves of it are to be read instead."""
        rows = self._query(self._pull.log_groups, self._pull.query, part)
        if rows is not None:
            return rows
        if part.halves() is not None:
            raise SliceTooLarge
        return self._query_parts(self._pull.log_groups, self._pull.query, part)

    def _read_calls(self, log: ToolLog, part: Slice) -> tuple[list[LoggedCall], list[PulledItem]]:
        """Return the calls logged around a slice, and the rows in it that can't be read."""
        around = timedelta(minutes=log.window_minutes)
        groups, mapping = log.log_groups or self._pull.log_groups, ToolMapping(log)
        calls: list[LoggedCall] = []
        unreadable: list[PulledItem] = []
        for row in self._query_parts(groups, log.query, Slice(part.start - around, part.end + around)):
            found = mapping.call(row)
            if isinstance(found, LoggedCall):
                calls.append(found)
            elif found is not None and part.start <= row.at < part.end:
                unreadable.append(found)
            if len(calls) > MAX_TOOL_CALLS and part.halves() is not None:
                raise SliceTooLarge
        return calls, unreadable

    def _query(self, groups: Sequence[str], text: str, part: Slice) -> list[LogRow] | None:
        """Return the rows of a time; None where it has more than a query returns, or the query takes too long."""
        start, end = math.floor(part.start.timestamp()), math.ceil(part.end.timestamp())
        try:
            found = self._insights.query(groups, text, start, end, self._pull.max_rows)
        except QueryTooSlow:
            if part.halves() is not None:
                return None
            reason = f"CloudWatch Logs did not answer a query about a minute within {self._pull.query_timeout_s:.0f} s"
            raise SourceError("unreachable", reason) from None
        if len(found) >= self._pull.max_rows:
            return None
        try:
            rows = [read_row(fields) for fields in found]
        except ValueError as error:
            raise SourceError("invalid-answer", str(error)) from None
        return [row for row in rows if part.start <= row.at < part.end]  # queries are about whole seconds

    def _query_parts(self, groups: Sequence[str], text: str, part: Slice) -> Iterator[LogRow]:
        """Yield the rows of a time, which is divided down to a second where it has too many."""
        rows = self._query(groups, text, part)
        if rows is not None:
            yield from rows
            return
        if part.end - part.start <= _SHORTEST:
            moment = f"{part.start:%Y-%m-%d %H:%M:%S}"
            raise SourceError("invalid-answer", f"a query for a second from {moment} has too many rows: narrow it")
        middle = part.start + (part.end - part.start) / 2
        yield from self._query_parts(groups, text, Slice(part.start, middle))
        yield from self._query_parts(groups, text, Slice(middle, part.end))
