"""What holds for which target and metric: defaults that need no thought, and rules that say otherwise."""

import math
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from analyzer.domain.detection import Settings
from analyzer.domain.model import DetectionPolicy, Dimension, Kind, Metric
from analyzer.domain.segments.dimensions import DEFAULTS, Dimensions

Pattern = Annotated[str, Field(min_length=1, max_length=200)]


class Rule(BaseModel):
    """One `[[rule]]` of a rules file; `*` in `target` and `metric` stands for anything. The last that fits counts.

    floor       the smallest drop worth an alarm: percentage points, or per cent for latency and cost
    alpha       the chance that a stream in which nothing gets worse ever alarms
    minimum     values on each side of a conclusion
    agreed      for rare events: the rate of bad values (0 to 1) that was agreed on; the test is exact then
    safety      one bad value is enough
    dimensions  what values are split by, instead of the well-known names; in rules for all metrics only
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    target: Pattern = "*"
    metric: Pattern = "*"
    floor: Annotated[float, Field(gt=0, lt=100)] | None = None
    alpha: Annotated[float, Field(gt=0, le=0.5)] | None = None
    minimum: Annotated[int, Field(ge=100)] | None = None
    agreed: Annotated[float, Field(gt=0, lt=0.5)] | None = None
    safety: bool | None = None
    dimensions: Annotated[tuple[Pattern, ...], Field(max_length=12)] | None = None

    def fits(self, target: str, metric: str) -> bool:
        return fnmatchcase(target, self.target) and fnmatchcase(metric, self.metric)


class RulesFile(BaseModel):
    """A TOML file of `[[rule]]` tables."""

    model_config = ConfigDict(extra="forbid")

    rule: tuple[Rule, ...] = ()


class BadRules(Exception):
    """A rules file can't be used; the message names the file and the field."""


@dataclass(frozen=True, slots=True)
class WatchRules:
    """How one dimension is watched. `agreed`: the agreed rate of bad values, if there is one."""

    kind: Kind
    settings: Settings
    agreed: float | None = None
    safety: bool = False


@dataclass(slots=True)
class Rules:
    """Answers for each dimension; what was answered once is remembered."""

    policy: DetectionPolicy = field(default_factory=DetectionPolicy)
    rules: Sequence[Rule] = ()
    _watching: dict[tuple[Dimension, Kind, float, bool], WatchRules] = field(default_factory=dict)
    _dimensions: dict[str, Dimensions] = field(default_factory=dict)

    def watching(self, dimension: Dimension, metric: Metric) -> WatchRules:
        key = (dimension, metric.kind, metric.floor, metric.safety)
        known = self._watching.get(key)
        if known is None:
            if len(self._watching) > _REMEMBERED:
                self._watching.clear()
            known = self._watching[key] = self._decide(dimension, metric)
        return known

    def dimensions(self, target: str) -> Dimensions:
        """What the target's values are split by."""
        known = self._dimensions.get(target)
        if known is None:
            if len(self._dimensions) > _REMEMBERED:
                self._dimensions.clear()
            named = [rule.dimensions for rule in self.rules if rule.dimensions and rule.fits(target, "*")]
            known = self._dimensions[target] = Dimensions(named[-1] if named else tuple(DEFAULTS))
        return known

    def _decide(self, dimension: Dimension, metric: Metric) -> WatchRules:
        said: dict[str, object] = {}
        for rule in self.rules:
            if rule.fits(dimension.target, dimension.metric):
                said |= rule.model_dump(exclude_none=True, exclude={"target", "metric", "dimensions"})
        given = Rule.model_validate(said)
        floor = metric.floor if given.floor is None else _on_scale(given.floor, metric)
        settings = Settings(
            alpha=given.alpha or self.policy.alpha, minimum=given.minimum or self.policy.minimum, floor=floor
        )
        agreed = given.agreed if metric.kind == "binary" else None
        safety = metric.safety if given.safety is None else given.safety
        return WatchRules(metric.kind, settings, agreed, safety and metric.kind != "real")


_REMEMBERED = 4096


def _on_scale(floor: float, metric: Metric) -> float:
    return math.log1p(floor / 100.0) if metric.kind == "real" else floor / 100.0


def read_rules(path: Path) -> tuple[Rule, ...]:
    """The rules of a TOML file. Raises BadRules."""
    try:
        return RulesFile.model_validate(tomllib.loads(path.read_text())).rule
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadRules(f"{path}: {error}") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field_name = ".".join(str(part) for part in first["loc"])
        raise BadRules(f"{path}: {field_name}: {first['msg']}") from None
