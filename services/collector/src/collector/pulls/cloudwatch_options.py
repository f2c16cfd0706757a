"""Options of a pull from CloudWatch Logs."""

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from collector.domain.pulls.insights_rows import TIMESTAMP
from collector.domain.pulls.pull_state import FlagSearch, PullIdentity
from collector.pulls.pull_options import PullOptions, Section, Text
from ratchet.imports.cell_readers import Reader, cell_reader
from ratchet.imports.column_map import ColumnMapping, mapping_from_tables, resolve_mapping
from ratchet.imports.record_fields import CellKind, cell_kind
from ratchet.tables import BadFile
from ratchet.tables.time_zones import zone

DEFAULT_QUERY = "fields @timestamp, @message, @logStream | sort @timestamp asc"
MAX_ROWS = 10_000
"""Rows that Insights returns for a query without pages."""
TOOL_FIELDS: Mapping[str, CellKind] = {
    "execution_id": "id",
    "trace_id": "id",
    "name": "id",
    "arguments": "content",
    "result": "content",
    "outcome": "outcome",
    "latency_ms": "number",
}
_LIMIT = re.compile(r"\|\s*limit\b", re.IGNORECASE)


def _check_query(query: str) -> str:
    """Return a query whose rows have a time and are not limited by itself. Raises ValueError."""
    if TIMESTAMP not in query:
        raise ValueError(f"must return {TIMESTAMP}")
    if _LIMIT.search(query):
        raise ValueError("must not have a limit: rows beyond it would be missed")
    return query


LogGroup = Annotated[str, Field(pattern=r"^(arn:[A-Za-z0-9_:/.#-]+|[A-Za-z0-9_/.#-]+)$", max_length=2048)]
LogGroups = Annotated[tuple[LogGroup, ...], Field(min_length=1, max_length=50, strict=False)]
Columns = Annotated[Mapping[str, Any], Field(min_length=1)]
Query = Annotated[str, Field(max_length=10_000), AfterValidator(_check_query)]


class ToolLog(Section):
    """The log of calls of tools. `log_groups` are those of the pull if left out.

    Calls are found that were logged up to `window_minutes` before or after their execution.
    """

    log_groups: LogGroups | None = None
    query: Query = DEFAULT_QUERY
    columns: Columns
    window_minutes: float = Field(15.0, ge=0, le=24 * 60)

    @cached_property
    def mapping(self) -> Mapping[str, str]:
        """Return field → column."""
        return mapping_from_tables("tools", {"columns": dict(self.columns)}).columns

    @property
    def key(self) -> Literal["execution_id", "trace_id"]:
        """Return the field that says to which execution a call belongs."""
        return "execution_id" if "execution_id" in self.mapping else "trace_id"

    @model_validator(mode="after")
    def _check_columns(self) -> "ToolLog":
        if unknown := sorted(set(self.mapping) - set(TOOL_FIELDS)):
            raise ValueError(f"columns: {unknown[0]!r} must be one of {', '.join(TOOL_FIELDS)}")
        if "name" not in self.mapping or self.key not in self.mapping:
            raise ValueError("columns must have name, and trace_id or execution_id")
        return self


class CloudWatchPull(PullOptions):
    """A pull from CloudWatch Logs, by queries of Logs Insights.

    `columns` and `constants` are the mapping of `ratchet import`. `time_format` and `timezone` (of times without one)
    concern `occurred_at`. `profile` is one of AWS's shared configuration. A time with more than `max_rows` rows is read
    in parts; so is one whose query takes more than `query_timeout_s`.
    """

    interval_s: float = Field(900.0, ge=10, le=86_400)
    overlap_minutes: float = Field(15.0, ge=0, le=24 * 60)
    log_groups: LogGroups
    query: Query = DEFAULT_QUERY
    columns: Columns
    constants: Mapping[str, Any] = {}
    time_format: Text = "iso"
    timezone: Text = "UTC"
    tools: ToolLog | None = None
    region: Text | None = None
    profile: Text | None = None
    max_rows: int = Field(5_000, ge=1, le=MAX_ROWS)
    query_timeout_s: float = Field(300.0, ge=1, le=3_600)

    @property
    def identity(self) -> PullIdentity:
        """Return the pull's name, project and target."""
        target = self.mapping.constants.get("target")
        return PullIdentity(self.name, "cloudwatch", self.project, self.environment, target, self._flag_searches)

    @property
    def _flag_searches(self) -> tuple[FlagSearch, ...]:
        kinds = ("thumb", "rating")
        return self.flag_searches((kind, kind) for kind in kinds if f"feedback.{kind}" in self.mapping.columns)

    @cached_property
    def mapping(self) -> ColumnMapping:
        """Return the mapping, with the target. Raises BadFile."""
        tables = {"columns": dict(self.columns), "constants": dict(self.constants)}
        given = mapping_from_tables("the mapping", tables)
        constants = dict(given.constants)
        if "execution_id" not in given.columns and "target" not in given.fields():
            if self.target is None:
                raise BadFile("target is missing: give target, or columns.target")
            constants["target"] = self.target
        return resolve_mapping(list(given.columns.values()), ColumnMapping(given.columns, constants))

    def reader(self, field: str) -> Reader:
        """Return the reader of a field's cells. Raises BadFile."""
        zoned = zone(self.timezone)
        return cell_reader(cell_kind(field), field, [], zone=zoned, times=self.time_format, commas=False)

    @cached_property
    def constant_values(self) -> Mapping[str, Any]:
        """Return the values of fields that are the same for all rows. Raises BadFile."""
        found = {}
        for name, text in self.mapping.constants.items():
            try:
                found[name] = self.reader(name)(text)
            except ValueError as error:
                raise BadFile(f"constants.{name} {error}") from None
        return found

    @model_validator(mode="after")
    def _check_mapping(self) -> "CloudWatchPull":
        columns, _ = self.mapping.columns, self.constant_values
        try:
            self.reader("occurred_at")
        except BadFile as error:
            raise ValueError(str(error).replace("--time-format", "time_format")) from None
        if self.tools is not None:
            if "tools" in columns:
                raise ValueError("columns.tools cannot be combined with the table tools")
            if self.execution_key not in columns:
                raise ValueError(f"columns must have {self.execution_key}, by which calls of tools are found")
        return self

    @property
    def execution_key(self) -> Literal["id", "trace_id"]:
        """Return the field of an execution that calls of tools name."""
        return "id" if self.tools is not None and self.tools.key == "execution_id" else "trace_id"
