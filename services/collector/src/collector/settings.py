"""The collector's settings: `RATCHET_…` in the environment."""

from typing import ClassVar

from pydantic import Field

from shared.runtime.settings import ServiceSettings


class CollectorSettings(ServiceSettings):
    """Besides what every service needs: what is too large, too slow or too old."""

    service: ClassVar[str] = "collector"

    rate_limit_key: int = Field(50_000, ge=0, description="requests of one API key in 10 s, an instance; 0: any number")
    database_pool: int = Field(8, ge=1, le=100, description="connections kept open")
    writers: int = Field(2, ge=1, le=16, description="transactions at once; a connection of the pool each")
    body_limit: int = Field(2_000_000, ge=1_000, description="bytes of a request's body")
    browser_body_limit: int = Field(64_000, ge=20_000, description="the same, where the key is a browser's")
    receipt_seconds: float = Field(10.0, gt=0, description="in which a request's whole body must have come")
    queue_items: int = Field(20_000, ge=1, description="items that may wait for the database at once")
    join_hours: float = Field(24.0, gt=0, description="that feedback waits for its execution")
    raw_days: float = Field(90.0, gt=1, description="that executions and current opinions are kept")
    receipt_days: float = Field(30.0, gt=1, description="in which a repeated request is known as one")
