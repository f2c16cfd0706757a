"""Settings of the proposer, read from environment variables."""

from typing import ClassVar

from pydantic import Field

from shared.runtime.settings import ServiceSettings


class ProposerSettings(ServiceSettings):
    """Settings of the proposer. All have defaults; there is no setting for a language model, because none is used."""

    service: ClassVar[str] = "proposer"

    grant_seconds: float = Field(
        2.0, ge=0, le=30, description="seconds that tuning waits for a grant to apply what it proposed"
    )
    upkeep_seconds: float = Field(
        60.0,
        gt=0,
        le=3600,
        description="seconds between two deletions of expired candidates, and two checks of schedules",
    )
