"""Executions as tasks of annotation queues."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any
from urllib.parse import quote

from ratchet.cli.session import Session

_MOST_TASKS, _MOST_BYTES = 200, 1_500_000
"""Of a request."""


def find_executions(
    server: Session, target: str, ids: Sequence[str], filters: Mapping[str, object], limit: int
) -> list[dict[str, Any]]:
    """Return the executions with these ids; without ids, the newest of the target that match the filters."""
    if ids:
        return [server.get(f"/v1/executions/{quote(each, safe='')}") for each in ids]
    return newest_executions(server, {"target": target, **filters}, limit)


def newest_executions(server: Session, filters: Mapping[str, object], limit: int) -> list[dict[str, Any]]:
    """Return the newest executions that match, with their whole texts."""
    found: list[dict[str, Any]] = []
    rest = b""
    with closing(server.stream("/v1/executions/export", format="jsonl", **filters)) as chunks:
        for chunk in chunks:
            *lines, rest = (rest + chunk).split(b"\n")
            found += [json.loads(each) for each in lines if each.strip()]
            if len(found) >= limit:
                break
    return found[:limit]


def task_of(execution: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return an execution as a task; None if it can't be one."""
    consent = execution.get("consent")
    if not execution.get("output") or (consent or {}).get("quality") is False:
        return None
    contexts = [
        {"id": context.get("id"), "text": context["text"]}
        for context in execution.get("contexts") or ()
        if context.get("text") is not None
    ]
    content = {"input": execution.get("input"), "output": execution["output"], "contexts": contexts[:100]}
    return {"execution_id": execution["id"], **content, "consent": consent}


def send_tasks(server: Session, path: str, tasks: Sequence[dict[str, Any]]) -> dict[str, int]:
    """Add tasks to the queue at `path`; return how many were `added` and `repeated`."""
    counts = {"added": 0, "repeated": 0}
    for part in _parts(tasks):
        answer = server.post(f"{path}/tasks", {"tasks": part}, timeout=120.0)
        counts = {field: counts[field] + answer[field] for field in counts}
    return counts


def _parts(tasks: Sequence[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Yield the tasks in parts that fit into a request."""
    part: list[dict[str, Any]] = []
    size = 0
    for task in tasks:
        length = len(json.dumps(task))
        if part and (len(part) == _MOST_TASKS or size + length > _MOST_BYTES):
            yield part
            part, size = [], 0
        part.append(task)
        size += length
    if part:
        yield part
