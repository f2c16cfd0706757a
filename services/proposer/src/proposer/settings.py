"""What the proposer can be told from outside."""

from typing import ClassVar

from pydantic import Field

from shared.runtime.settings import ServiceSettings


class ProposerSettings(ServiceSettings):
    """Nothing here is needed: the proposer asks no language model."""

    service: ClassVar[str] = "proposer"

    upkeep_seconds: float = Field(60.0, gt=0, le=3600, description="how often old candidates are forgotten")
