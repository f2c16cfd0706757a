"""What the console can be told from outside."""

from typing import ClassVar

from pydantic import Field, field_validator

from shared.runtime.settings import ProcessSettings


class ConsoleSettings(ProcessSettings):
    """`api_url` is where the paths under `/v1` of all services are reached: the gateway."""

    service: ClassVar[str] = "console"

    api_url: str = Field("http://127.0.0.1:8080", description="the gateway of the services")
    max_pages: int = Field(500, ge=1, description="open pages that one instance keeps up to date")

    @field_validator("api_url")
    @classmethod
    def _is_http(cls, value: str) -> str:
        if not value.startswith(("http://", "https://")):
            raise ValueError("must begin with http:// or https://")
        return value.rstrip("/")
