"""An erasure as it is stored, and when it is complete. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

SERVICES = ("analyzer", "collector", "evaluator", "gatekeeper", "proposer")
"""The services that store something of users, and must report."""


@dataclass(frozen=True, slots=True)
class Erasure:
    """A requested erasure. `subject` is the keyed hash of the user's id."""

    id: UUID
    project: str
    environment: str
    subject: str
    requested_by: str
    requested_at: datetime
    completed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ServiceReport:
    """What a service has erased, by kind."""

    service: str
    erased: Mapping[str, int]
    completed_at: datetime


@dataclass(frozen=True, slots=True)
class ErasureStatus:
    """An erasure with the reports that have arrived, and what the collector has erased so far."""

    erasure: Erasure
    reports: Sequence[ServiceReport]
    so_far: Mapping[str, int]

    @property
    def waits_for(self) -> list[str]:
        """The services that have not reported yet."""
        reported = {report.service for report in self.reports}
        return [service for service in SERVICES if service not in reported]

    def view(self) -> dict[str, Any]:
        """Return the status as JSON types."""
        reports = {each.service: each for each in self.reports}
        erasure = self.erasure
        return {
            "id": erasure.id, "subject": erasure.subject, "complete": erasure.completed_at is not None,
            "requested_by": erasure.requested_by, "requested_at": erasure.requested_at,
            "completed_at": erasure.completed_at, "waits_for": self.waits_for,
            "services": [
                {
                    "service": service,
                    "completed_at": reports[service].completed_at if service in reports else None,
                    "erased": reports[service].erased if service in reports
                    else self.so_far if service == "collector" else {},
                }
                for service in SERVICES
            ],
        }  # fmt: skip
