"""What a target allows its answers to be used for: regions, and the highest confidentiality. Pure."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import get_args

from shared.events.feedback import Confidentiality
from shared.events.proposals import UsedTraces
from shared.pii.scrub import REPLACEMENT

UNKNOWN = "unknown"
_LEVELS: tuple[Confidentiality, ...] = get_args(Confidentiality)
_SCRUBBED = re.compile(REPLACEMENT)


@dataclass(frozen=True, slots=True)
class TraceData:
    """What is known of the data of one used trace. `personal`: personal data was found in it, and removed."""

    region: str | None
    confidentiality: Confidentiality | None
    personal: bool


@dataclass(frozen=True, slots=True)
class DataRules:
    """What a target allows. `regions` and `highest`: None where nothing is declared. Unknown counts as not allowed."""

    regions: tuple[str, ...] | None = None
    highest: Confidentiality | None = None
    allow_unknown: bool = False

    @property
    def declared(self) -> bool:
        """Whether anything is declared, so that only answers that pass are used."""
        return self.regions is not None or self.highest is not None

    @property
    def levels(self) -> tuple[Confidentiality, ...] | None:
        """The allowed levels of confidentiality; None where none is declared."""
        return None if self.highest is None else _LEVELS[: _LEVELS.index(self.highest) + 1]

    def allows(self, data: TraceData) -> bool:
        """Return whether a trace passes every gate that is declared."""
        if data.personal and self.declared:
            return False
        return self._allows(self.regions, data.region) and self._allows(self.levels, data.confidentiality)

    def _allows(self, allowed: Iterable[str] | None, value: str | None) -> bool:
        return allowed is None or (self.allow_unknown if value is None else value in allowed)

    def refusal(self, used: UsedTraces) -> str | None:
        """Return why data must not leave Ratchet: the first of the gates that a trace fails; None if all passed."""
        if used.personal:
            return f"PII: personal data was found in {used.personal} of {used.traces} traces"
        regions = self._refused("region", "regions", self.regions, used.regions)
        return regions or self._refused("confidentiality", "confidentiality", self.levels, used.confidentiality)

    def _refused(self, gate: str, declared: str, allowed: Iterable[str] | None, found: dict[str, int]) -> str | None:
        if allowed is None:
            return f"{gate}: what is allowed is not declared for the target (`{declared}` of its tuning settings)"
        wanted = {*allowed, UNKNOWN} if self.allow_unknown else set(allowed)
        if refused := {value: count for value, count in sorted(found.items()) if value not in wanted}:
            named = ", ".join(f"{value} ({count})" for value, count in list(refused.items())[:5])
            return f"{gate}: {named} not allowed"
        return None


NO_TRACES = UsedTraces(traces=0, regions={}, confidentiality={})


def has_personal_data(*texts: str | None) -> bool:
    """Return whether personal data was found in one of these texts, and removed."""
    return any(text and _SCRUBBED.search(text) for text in texts)


def count_traces(used: Iterable[TraceData]) -> UsedTraces:
    """Return the used traces by region and confidentiality."""
    traces = list(used)
    return UsedTraces(
        traces=len(traces),
        personal=sum(each.personal for each in traces),
        regions=dict(sorted(Counter(each.region or UNKNOWN for each in traces).items())),
        confidentiality=dict(sorted(Counter(each.confidentiality or UNKNOWN for each in traces).items())),
    )
