"""Rules: settings for single targets and metrics that override the defaults."""

import math
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from analyzer.domain.detection import DetectionSettings
from analyzer.domain.model import DetectionPolicy, Dimension, Metric, ScaleKind
from analyzer.domain.segments.dimensions import DEFAULTS, Dimensions

Pattern = Annotated[str, Field(min_length=1, max_length=200)]


class Rule(BaseModel):
    """One `[[rule]]` of a rules file; `*` in `target` and `metric` matches anything. The last match applies.

    floor       smallest drop that is reported: percentage points, or per cent for latency and cost
    alpha       maximum probability that a stream which does not get worse ever raises an alarm
    minimum     values on each side of a conclusion
    agreed      for rare events: the agreed rate of bad values (0 to 1); the test is exact
    safety      one bad value opens a regression
    dimensions  dimensions to split values by, instead of the defaults; in rules for all metrics only
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

    def matches(self, target: str, metric: str) -> bool:
        return fnmatchcase(target, self.target) and fnmatchcase(metric, self.metric)


class RulesFile(BaseModel):
    """A TOML file of `[[rule]]` tables."""

    model_config = ConfigDict(extra="forbid")

    rule: tuple[Rule, ...] = ()


class InvalidRules(Exception):
    """A rules file is invalid; the message names the file and the field."""


@dataclass(frozen=True, slots=True)
class WatchRules:
    """Test settings of one dimension. `agreed`: the agreed rate of bad values, if any."""

    kind: ScaleKind
    settings: DetectionSettings
    agreed: float | None = None
    safety: bool = False


@dataclass(slots=True)
class Rules:
    """Settings for each dimension, cached."""

    policy: DetectionPolicy = field(default_factory=DetectionPolicy)
    rules: Sequence[Rule] = ()
    _watching: dict[tuple[Dimension, ScaleKind, float, bool], WatchRules] = field(default_factory=dict)
    _dimensions: dict[str, Dimensions] = field(default_factory=dict)

    def watching(self, dimension: Dimension, metric: Metric) -> WatchRules:
        """Return the settings of a dimension."""
        key = (dimension, metric.kind, metric.floor, metric.safety)
        known = self._watching.get(key)
        if known is None:
            if len(self._watching) > _MAX_CACHED:
                self._watching.clear()
            known = self._watching[key] = self._decide(dimension, metric)
        return known

    def dimensions(self, target: str) -> Dimensions:
        """Return the dimensions that values of `target` are split by."""
        known = self._dimensions.get(target)
        if known is None:
            if len(self._dimensions) > _MAX_CACHED:
                self._dimensions.clear()
            named = [rule.dimensions for rule in self.rules if rule.dimensions and rule.matches(target, "*")]
            known = self._dimensions[target] = Dimensions(named[-1] if named else tuple(DEFAULTS))
        return known

    def _decide(self, dimension: Dimension, metric: Metric) -> WatchRules:
        given_fields: dict[str, object] = {}
        for rule in self.rules:
            if rule.matches(dimension.target, dimension.metric):
                given_fields |= rule.model_dump(exclude_none=True, exclude={"target", "metric", "dimensions"})
        given = Rule.model_validate(given_fields)
        floor = metric.floor if given.floor is None else _on_scale(given.floor, metric)
        settings = DetectionSettings(
            alpha=given.alpha or self.policy.alpha, minimum=given.minimum or self.policy.minimum, floor=floor
        )
        agreed = given.agreed if metric.kind == "binary" else None
        safety = metric.safety if given.safety is None else given.safety
        return WatchRules(metric.kind, settings, agreed, safety and metric.kind != "real")


_MAX_CACHED = 4096


def _on_scale(floor: float, metric: Metric) -> float:
    return math.log1p(floor / 100.0) if metric.kind == "real" else floor / 100.0


def read_rules(path: Path) -> tuple[Rule, ...]:
    """Return the rules of a TOML file. Raises InvalidRules."""
    try:
        return RulesFile.model_validate(tomllib.loads(path.read_text())).rule
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidRules(f"{path}: {error}") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field_name = ".".join(str(part) for part in first["loc"])
        raise InvalidRules(f"{path}: {field_name}: {first['msg']}") from None
