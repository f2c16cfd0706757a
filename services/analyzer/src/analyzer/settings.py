"""The analyzer's settings."""

from pathlib import Path
from typing import ClassVar

from pydantic import Field, field_validator

from analyzer.domain.model import DetectionPolicy
from analyzer.domain.watch_rules import InvalidRules, Rules, read_rules
from shared.runtime.settings import ServiceSettings


class AnalyzerSettings(ServiceSettings):
    service: ClassVar[str] = "analyzer"

    alpha: float = Field(
        0.05, gt=0, lt=1, description="maximum probability that a stream which does not get worse ever raises an alarm"
    )
    minimum_values: int = Field(100, ge=100, description="minimum number of values on each side of a conclusion")
    reopen_days: float = Field(7.0, gt=0, description="days within which a regression that returns is reopened")
    rules: Path | None = Field(None, description="TOML file with rules for single targets and metrics")

    @field_validator("rules")
    @classmethod
    def _readable(cls, rules: Path | None) -> Path | None:
        """Refuse an invalid file at start."""
        if rules is not None:
            try:
                read_rules(rules)
            except InvalidRules as error:
                raise ValueError(str(error)) from None
        return rules

    def load_rules(self) -> Rules:
        """Return the defaults with the rules file. Raises InvalidRules."""
        policy = DetectionPolicy(
            alpha=self.alpha, minimum=self.minimum_values, reopen_seconds=self.reopen_days * 86_400.0
        )
        return Rules(policy, read_rules(self.rules) if self.rules else ())
