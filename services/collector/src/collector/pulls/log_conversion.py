"""Converts log rows to bodies of executions, feedback and tool calls, by the mapping of `ratchet import`."""

from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any

from pydantic_core import from_json

from collector.domain.pulls.insights_rows import LogRow
from collector.domain.pulls.langfuse_scores import LOW_REWARD, is_negative
from collector.domain.pulls.pulled_item import Flag, PulledItem
from collector.domain.pulls.tool_call_matches import LoggedCall
from collector.domain.request_context import Route
from collector.pulls.cloudwatch_options import TOOL_FIELDS, CloudWatchPull, ToolLog
from ratchet.imports.cell_readers import cell_reader
from ratchet.imports.rows import MappedColumn, RowConverter, UnreadableRow


class ExecutionMapping:
    """Converts rows to items. A row whose mapped fields are all empty gives none."""

    def __init__(self, pull: CloudWatchPull) -> None:
        columns = [
            MappedColumn(name, tuple(path.split(".")), pull.reader(name)) for name, path in pull.mapping.columns.items()
        ]
        self._converter = RowConverter(columns, pull.constant_values)
        self._key = next((column for column in columns if column.field == pull.execution_key), None)
        self._reward = pull.reward
        self._feedback_only = "execution_id" in pull.mapping.fields()

    def key(self, row: LogRow) -> str | None:
        """Return the id or trace id by which calls of tools name a row's execution."""
        try:
            return None if self._key is None else self._key.value_in(row.cells())
        except UnreadableRow:
            return None

    def items(self, row: LogRow, tools: Sequence[Mapping[str, Any]] = ()) -> list[PulledItem]:
        """Return the execution of a row, if it has one, and its feedback."""
        try:
            found = self._converter.convert(row.number, row.cells(), row.at)
        except UnreadableRow as error:
            return [unreadable(row, str(error))]
        bodies = [(item.route, from_json(item.encoded)) for item in found]
        for route, body in bodies:
            if route == "executions" and tools:
                body["tools"] = list(tools)
        return [self._to_item(route, body, row) for route, body in bodies]

    def _to_item(self, route: Route, body: dict[str, Any], row: LogRow) -> PulledItem:
        """Return an item. Feedback with an execution is left out if that is refused; alone, it may come first."""
        needed = route == "feedback" and not self._feedback_only
        return PulledItem(route, body, row.at, {}, self._flags(body), needs_execution=needed)

    def _flags(self, body: Mapping[str, Any]) -> tuple[Flag, ...]:
        kind, value, name = body.get("kind"), body.get("value"), body.get("name", "")
        rewards = [body.get("scores", {}).get(self._reward), value if (kind, name) == ("score", self._reward) else None]
        flags: list[Flag] = ["low_reward"] if any(it is not None and it < LOW_REWARD for it in rewards) else []
        if kind is not None and is_negative(kind, value, name):
            flags.append("negative_feedback")
        return tuple(flags)


class ToolMapping:
    """Converts rows to tool calls."""

    def __init__(self, log: ToolLog) -> None:
        self._name = log.key
        self._columns = [
            MappedColumn(
                name,
                tuple(path.split(".")),
                cell_reader(TOOL_FIELDS[name], name, [], zone=UTC, times=None, commas=False),
            )
            for name, path in log.mapping.items()
        ]

    def call(self, row: LogRow) -> LoggedCall | PulledItem | None:
        """Return a row's call; None for a row without a tool's name or an execution; an item that can't be read."""
        cells = row.cells()
        try:
            values = {column.field: column.value_in(cells) for column in self._columns}
        except UnreadableRow as error:
            return unreadable(row, f"call of a tool: {error}")
        key, name = values.pop(self._name), values.get("name")
        if key is None or name is None:
            return None
        values.pop("trace_id", None)
        return LoggedCall(row.at, key, {field: value for field, value in values.items() if value is not None})


def unreadable(row: LogRow, reason: str) -> PulledItem:
    """Return an item that is counted as refused, once however often it is read."""
    return PulledItem("executions", {"id": f"unreadable-{row.number:016x}"}, row.at, {}, unreadable=reason)
