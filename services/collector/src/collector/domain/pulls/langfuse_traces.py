"""Converts a Langfuse trace to the body of an execution. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic_core import from_json, to_json

from collector.domain.pulls.data_class_tags import confidentiality, region
from collector.domain.pulls.pulled_item import PulledItem, execution_id, trace_id
from ratchet_langfuse.schemas import Generation, RootTrace, ToolObservation

SOURCE = "langfuse"
UNNAMED = "unnamed"
_FAILED = "ERROR"
_INTERNAL = "langfuse"
_MAX_TOOLS = 100
_MAX_TEXT = 20_000
"""Characters of a tool's arguments or result; longer ones are cut."""
_MAX_TEXTS = 200_000
"""Characters of all these texts of a trace: an execution has at most 768 KB. Further calls have none."""
_MAX_PROMPTS = 20
Documents = Mapping[tuple[str, int], dict[str, Any]]
"""Documents of prompts by name and version, where they are available."""


@dataclass(slots=True)
class TraceCalls:
    """The calls of models and tools in one trace, summed up."""

    models: dict[str, None] = field(default_factory=dict)
    prompts: dict[tuple[str, int], None] = field(default_factory=dict)
    tools: list[dict[str, Any]] = field(default_factory=list)
    tool_names: dict[str, None] = field(default_factory=dict)
    usage: dict[str, int] = field(default_factory=dict)
    cost: float | None = None
    failed: bool = False
    _texts: int = 0

    def add_generation(self, found: Generation) -> None:
        """Add a call of a model."""
        if found.model:
            self.models.setdefault(found.model)
        if found.prompt_name is not None and found.prompt_version is not None:
            self.prompts.setdefault((found.prompt_name, found.prompt_version))
        for name, count in found.tokens.items():
            self.usage[name] = self.usage.get(name, 0) + count
        if found.total_cost is not None:
            self.cost = (self.cost or 0.0) + found.total_cost
        self.failed = self.failed or found.level == _FAILED

    def add_tool(self, found: ToolObservation) -> None:
        """Add a call of a tool. Its failure is not the trace's: agents repeat failed calls."""
        if not found.name:
            return
        name = found.name[:128]
        self.tool_names.setdefault(name)
        if len(self.tools) >= _MAX_TOOLS:
            return
        failed = found.level == _FAILED
        seconds = None if found.seconds is None else max(0.0, found.seconds)
        call: dict[str, Any] = {
            "name": name,
            "arguments": self._cut(found.input),
            "result": self._cut(found.status_message if failed and found.output is None else found.output),
            "outcome": "error" if failed else "ok",
            "latency_ms": None if seconds is None else 1000.0 * seconds,
        }
        self.tools.append({key: value for key, value in call.items() if value is not None})

    def _cut(self, value: Any) -> str | None:
        found = _text(value)
        if found is None or self._texts >= _MAX_TEXTS:
            return None
        shown = found if isinstance(found, str) else to_json(found).decode()
        shown = shown if len(shown) <= _MAX_TEXT else f"{shown[: _MAX_TEXT - 1]}…"
        self._texts += len(shown)
        return shown


def is_evaluator(root: RootTrace) -> bool:
    """Return whether a trace is one of Langfuse's own evaluators."""
    return (root.environment or "").startswith(_INTERNAL)


def trace_item(root: RootTrace, calls: TraceCalls, target: str | None, documents: Documents) -> PulledItem:
    """Return the execution of a trace. `target` is the trace's name if it is None."""
    assert root.trace_id is not None
    started = root.started if root.started.tzinfo else root.started.replace(tzinfo=UTC)
    failed = calls.failed or root.level == _FAILED
    body: dict[str, Any] = {
        "id": execution_id(SOURCE, root.trace_id),
        "trace_id": trace_id(root.trace_id),
        "target": target or root.name or UNNAMED,
        "prompts": [_prompt(name, version, documents) for name, version in sorted(calls.prompts)[:_MAX_PROMPTS]],
        "model": " + ".join(sorted(calls.models)) or None,
        "input": _text(root.input),
        "output": _text(root.output),
        "tools": calls.tools,
        "user": root.user_id or None,
        "session": root.session_id or None,
        "usage": dict(calls.usage) or None,
        "cost": calls.cost,
        "latency_ms": None if root.seconds is None else max(0.0, 1000.0 * root.seconds),
        "outcome": "error" if failed else "ok",
        "attributes": _attributes(root),
        "region": region(root.tags or ()),
        "confidentiality": confidentiality(root.tags or ()),
        "occurred_at": _iso(started + timedelta(seconds=max(0.0, root.seconds or 0.0))),
    }
    kept = {name: value for name, value in body.items() if value not in (None, [], {})}
    return PulledItem("executions", kept, started, _raw(root, calls))


def _prompt(name: str, version: int, documents: Documents) -> dict[str, Any]:
    document = documents.get((name, version))
    use: dict[str, Any] = {"name": name, "version": str(version)}
    return use if document is None else {**use, "document": document}


def _attributes(root: RootTrace) -> dict[str, str]:
    found = {
        "environment": root.environment,
        "release": root.release,
        "version": root.version,
        "tags": ", ".join(sorted(root.tags or ())),
    }
    return {name: value for name, value in found.items() if value}


def _text(value: Any) -> Any:
    """Return an input or output: servers of version 4 send JSON as text."""
    if isinstance(value, str) and value[:1] in ('"', "[", "{"):
        try:
            value = from_json(value)
        except ValueError:
            return value
    if value is None or isinstance(value, str | list | dict):
        return value
    return to_json(value).decode()


def _raw(root: RootTrace, calls: TraceCalls) -> dict[str, Any]:
    return {
        "kind": "trace",
        "trace_id": root.trace_id,
        "name": root.name,
        "started": _iso(root.started if root.started.tzinfo else root.started.replace(tzinfo=UTC)),
        "prompt": root.input,
        "response": root.output,
        "latency_s": root.seconds,
        "tool_invocations": list(calls.tool_names),
        "token_count": dict(calls.usage),
        "cost_usd": calls.cost,
        "models": list(calls.models),
        "prompts": [{"name": name, "version": version} for name, version in calls.prompts],
        "user_id": root.user_id,
        "session_id": root.session_id,
        "tags": list(root.tags or ()),
        "environment": root.environment,
        "release": root.release,
    }


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()
