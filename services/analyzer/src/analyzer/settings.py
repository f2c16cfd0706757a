"""The analyzer's settings."""

from typing import ClassVar

from pydantic import Field

from shared.runtime.settings import ServiceSettings


class AnalyzerSettings(ServiceSettings):
    service: ClassVar[str] = "analyzer"

    alpha: float = Field(0.05, gt=0, lt=1, description="the chance that a version no worse ever raises an alarm")
    minimum_values: int = Field(100, ge=100, description="measured values on each side of a conclusion")
