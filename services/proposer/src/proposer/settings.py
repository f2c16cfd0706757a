"""Settings of the proposer, read from environment variables."""

from pathlib import Path
from typing import ClassVar, Self

from pydantic import Field, field_validator, model_validator

from shared.runtime.settings import ServiceSettings


class ProposerSettings(ServiceSettings):
    """Settings of the proposer. All have defaults. Without `drafting_url` no language model is used."""

    service: ClassVar[str] = "proposer"

    grant_seconds: float = Field(
        2.0, ge=0, le=30, description="seconds that tuning waits for a grant to apply what it proposed"
    )
    repositories: Path | None = Field(None, description="TOML file of repositories in which prompts have their home")
    report_folder: Path | None = Field(
        None, description="folder for reports of regressions and rollback copies of pull requests"
    )
    pull_request_seconds: float = Field(
        120.0, ge=1, le=3600, description="seconds between two looks at an open pull request or a repository's text"
    )
    pull_request_evaluation_seconds: float = Field(
        1800.0, ge=0, le=86_400, description="seconds that a pull request waits for the evaluation of its proposal"
    )
    upkeep_seconds: float = Field(
        60.0,
        gt=0,
        le=3600,
        description="seconds between two deletions of expired candidates, and two checks of schedules",
    )
    success_threshold: float = Field(
        0.5, ge=0, le=1, description="a model drafts instructions only where the metric, from 0 to 1, is below"
    )
    changes_per_week: int = Field(5, ge=0, description="drafts of instructions that a target gets within seven days")
    drafting_url: str | None = Field(None, pattern="^https?://", description="OpenAI-compatible; ends before /chat")
    drafting_model: str | None = Field(None, description="the model that drafts; required with drafting_url")
    drafting_api_key: str | None = Field(None, repr=False)
    drafting_key_file: Path | None = Field(None, description="file with the endpoint's API key")
    drafting_calls_per_minute: float = Field(5.0, ge=1, description="of all instances together")
    drafting_timeout_s: float = Field(60.0, gt=0, le=600)
    drafting_input_price: float | None = Field(None, ge=0, description="US dollars for a million tokens")
    drafting_output_price: float | None = Field(None, ge=0, description="US dollars for a million tokens")
    drafting_proposal_tokens: int = Field(200_000, ge=0, description="most tokens that a draft uses")
    drafting_day_tokens: int = Field(1_000_000, ge=0, description="most tokens of a day (UTC)")
    drafting_proposal_usd: float | None = Field(None, ge=0, description="most US dollars that a draft uses")
    drafting_day_usd: float | None = Field(None, ge=0, description="most US dollars of a day (UTC)")

    @model_validator(mode="after")
    def _names_model_and_prices(self) -> Self:
        if self.drafting_url and not self.drafting_model:
            raise ValueError("set RATCHET_DRAFTING_MODEL to the model that RATCHET_DRAFTING_URL is to use")
        limited = self.drafting_proposal_usd is not None or self.drafting_day_usd is not None
        if limited and (self.drafting_input_price is None or self.drafting_output_price is None):
            raise ValueError(
                "a limit in US dollars needs RATCHET_DRAFTING_INPUT_PRICE and RATCHET_DRAFTING_OUTPUT_PRICE"
            )
        return self

    @field_validator("repositories", "report_folder", mode="before")
    @classmethod
    def _read_empty_as_unset(cls, value: object) -> object:
        return value or None
