"""Settings of the collector, read from environment variables `RATCHET_…`."""

from pathlib import Path
from typing import ClassVar

from pydantic import Field, field_validator

from shared.runtime.settings import ServiceSettings


class CollectorSettings(ServiceSettings):
    """Limits of size, time and age, in addition to the settings of every service."""

    service: ClassVar[str] = "collector"

    rate_limit_key: int = Field(50_000, ge=0, description="requests per API key in 10 s and instance; 0: unlimited")
    database_pool: int = Field(8, ge=1, le=100, description="open connections")
    writers: int = Field(2, ge=1, le=16, description="concurrent transactions, each on its own connection")
    body_limit: int = Field(2_000_000, ge=1_000, description="maximum bytes of a request's body")
    browser_body_limit: int = Field(64_000, ge=20_000, description="maximum bytes of a body sent with a browser's key")
    bulk_body_limit: int = Field(1_000_000_000, ge=1_000, description="maximum bytes of a body of NDJSON")
    otlp_body_limit: int = Field(8_000_000, ge=1_000, description="maximum bytes of an OTLP export request")
    receipt_seconds: float = Field(10.0, gt=0, description="seconds in which a request's body must arrive")
    queue_items: int = Field(20_000, ge=1, description="maximum items waiting for the database")
    join_hours: float = Field(24.0, gt=0, description="hours that feedback waits for its execution")
    raw_days: float = Field(90.0, gt=1, description="days that executions and current feedback are kept")
    log_days: float = Field(30.0, gt=1, description="days until executions and their feedback leave the execution log")
    archive_url: str = Field(
        "", description="folder, or s3://bucket/prefix, for executions older than log_days; empty: they are deleted"
    )
    archive_days: float | None = Field(None, gt=1, description="days that the archive keeps files; empty: no limit")
    archive_folder: str = Field(
        "", description="folder for temporary files and copies of the archive; empty: below the system's for such files"
    )
    archive_copies_mb: int = Field(2_000, ge=100, description="maximum MB of copies of files from a bucket")
    archive_memory_mb: int = Field(256, ge=64, description="maximum MB that DuckDB takes in each of two processes")
    receipt_days: float = Field(30.0, gt=1, description="days in which a repeated request is recognised")
    pulls: Path | None = Field(None, description="TOML file of what is pulled from Langfuse and CloudWatch Logs")

    @field_validator("pulls", mode="before")
    @classmethod
    def _read_empty_as_unset(cls, value: object) -> object:
        return value or None
