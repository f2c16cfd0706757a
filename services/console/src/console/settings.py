"""Settings of the console, read from environment variables."""

from typing import ClassVar

from pydantic import Field, field_validator

from shared.runtime.settings import ProcessSettings


class ConsoleSettings(ProcessSettings):
    """Settings of the console. `api_url` is the gateway, where the paths under `/v1` of all services are served."""

    service: ClassVar[str] = "console"

    api_url: str = Field("http://127.0.0.1:8080", description="URL of the gateway of the services")
    max_pages: int = Field(500, ge=1, description="maximum number of open pages that one instance notifies")

    @field_validator("api_url")
    @classmethod
    def _is_http(cls, value: str) -> str:
        if not value.startswith(("http://", "https://")):
            raise ValueError("must begin with http:// or https://")
        return value.rstrip("/")
