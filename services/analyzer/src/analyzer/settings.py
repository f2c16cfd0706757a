"""The analyzer's settings."""

from pathlib import Path
from typing import ClassVar

from pydantic import Field, field_validator

from analyzer.domain.model import DetectionPolicy
from analyzer.domain.rules import BadRules, Rules, read_rules
from shared.runtime.settings import ServiceSettings


class AnalyzerSettings(ServiceSettings):
    service: ClassVar[str] = "analyzer"

    alpha: float = Field(0.05, gt=0, lt=1, description="the chance that a stream in which nothing falls ever alarms")
    minimum_values: int = Field(100, ge=100, description="measured values on each side of a conclusion")
    reopen_days: float = Field(7.0, gt=0, description="in which a regression that comes back is the same one")
    rules: Path | None = Field(None, description="a TOML file of what holds for single targets and metrics")

    @field_validator("rules")
    @classmethod
    def _readable(cls, rules: Path | None) -> Path | None:
        """A file that can't be used stops the start."""
        if rules is not None:
            try:
                read_rules(rules)
            except BadRules as error:
                raise ValueError(str(error)) from None
        return rules

    def rules_in_force(self) -> Rules:
        """The defaults and what the rules file says otherwise. Raises BadRules."""
        policy = DetectionPolicy(
            alpha=self.alpha, minimum=self.minimum_values, reopen_seconds=self.reopen_days * 86_400.0
        )
        return Rules(policy, read_rules(self.rules) if self.rules else ())
