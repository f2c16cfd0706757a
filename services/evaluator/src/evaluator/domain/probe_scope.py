"""What makes an evaluation a probe of a bisection."""

from typing import NamedTuple
from uuid import UUID


class ProbeScope(NamedTuple):
    """The bisection of a probe, and on how many independent cases the probe may compare."""

    bisection_id: UUID
    clusters: int
