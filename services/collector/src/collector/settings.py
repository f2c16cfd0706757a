"""Settings of the collector, read from environment variables `RATCHET_…`."""

from typing import ClassVar

from pydantic import Field

from shared.runtime.settings import ServiceSettings


class CollectorSettings(ServiceSettings):
    """Limits of size, time and age, in addition to the settings of every service."""

    service: ClassVar[str] = "collector"

    rate_limit_key: int = Field(50_000, ge=0, description="requests per API key in 10 s and instance; 0: unlimited")
    database_pool: int = Field(8, ge=1, le=100, description="open connections")
    writers: int = Field(2, ge=1, le=16, description="concurrent transactions, each on its own connection")
    body_limit: int = Field(2_000_000, ge=1_000, description="maximum bytes of a request's body")
    browser_body_limit: int = Field(64_000, ge=20_000, description="maximum bytes of a body sent with a browser's key")
    otlp_body_limit: int = Field(8_000_000, ge=1_000, description="maximum bytes of an OTLP export request")
    receipt_seconds: float = Field(10.0, gt=0, description="seconds in which a request's body must arrive")
    queue_items: int = Field(20_000, ge=1, description="maximum items waiting for the database")
    join_hours: float = Field(24.0, gt=0, description="hours that feedback waits for its execution")
    raw_days: float = Field(90.0, gt=1, description="days that executions and current feedback are kept")
    log_days: float = Field(30.0, gt=1, description="days that the execution log keeps executions and their feedback")
    receipt_days: float = Field(30.0, gt=1, description="days in which a repeated request is recognised")
