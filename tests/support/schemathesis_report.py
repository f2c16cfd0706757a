"""What Schemathesis sent and got, by service, from its report in NDJSON."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ratchet_local.routes import service_of


@dataclass(frozen=True, slots=True)
class CheckedCall:
    """A request with its response. `undocumented`: a check of its description failed. `elapsed`: seconds."""

    service: str
    operation: str
    status: int
    undocumented: bool
    elapsed: float


def read_calls(report: Path) -> Iterator[CheckedCall]:
    """Yield the calls of a report, in its order."""
    with report.open() as lines:
        for line in lines:
            if recorder := json.loads(line).get("ScenarioFinished", {}).get("recorder"):
                yield from _calls_of(recorder)


def _calls_of(recorder: dict[str, Any]) -> Iterator[CheckedCall]:
    for case_id, interaction in recorder.get("interactions", {}).items():
        if not (response := interaction["response"]):
            continue
        case = recorder["cases"][case_id]["value"]
        failed = {check["name"] for check in recorder["checks"].get(case_id, []) if check["status"] == "failure"}
        yield CheckedCall(
            service_of(urlsplit(interaction["request"]["uri"]).path) or "none",
            f"{case['method']} {case['path']}",
            int(response["status_code"]),
            bool(failed - {"not_a_server_error"}),
            float(response["elapsed"]),
        )


def summarize_services(calls: Iterable[CheckedCall]) -> list[str]:
    """Return a line for each service: cases, 5xx, undocumented responses, and its three slowest operations (p95)."""
    by_service: dict[str, list[CheckedCall]] = defaultdict(list)
    for call in calls:
        by_service[call.service].append(call)
    return [_line(service, by_service[service]) for service in sorted(by_service)]


def _line(service: str, calls: list[CheckedCall]) -> str:
    elapsed: dict[str, list[float]] = defaultdict(list)
    for call in calls:
        elapsed[call.operation].append(call.elapsed)
    p95 = {operation: sorted(values)[int(0.95 * len(values))] for operation, values in elapsed.items()}
    slowest = ", ".join(f"{name} {p95[name]:.2f} s" for name in sorted(p95, key=lambda name: -p95[name])[:3])
    errors, undocumented = sum(call.status >= 500 for call in calls), sum(call.undocumented for call in calls)
    return f"{service}: {len(calls)} cases, 5xx {errors}, undocumented {undocumented}; slowest: {slowest}"
