"""Settings of the evaluator, read from environment variables."""

from pathlib import Path
from typing import ClassVar, Self

from pydantic import Field, model_validator

from shared.runtime.settings import ServiceSettings


class EvaluatorSettings(ServiceSettings):
    """Settings of the evaluator. Without `judge_url` there are no judges.

    Those of `direct_…`: prompts that a model's endpoint answers instead of an app.
    """

    service: ClassVar[str] = "evaluator"

    repeats: int = Field(1, ge=1, le=20, description="answers to each case by each prompt of a proposal's evaluation")
    bisection_answers: int = Field(
        3000, ge=1, le=1_000_000, description="answers that a bisection asks for; it ends without a result beyond that"
    )
    tasks_ahead: int = Field(
        64, ge=1, le=10_000, description="tasks of an evaluation that are open at a time, at least"
    )
    direct_url: str | None = Field(None, pattern="^https?://", description="OpenAI-compatible; ends before /chat")
    direct_key_file: Path | None = Field(None, description="the file with the endpoint's API key")
    direct_model: str | None = Field(None, description="model of prompts that name none")
    direct_project: str = "default"
    direct_environment: str = "production"
    direct_prompts: str = Field("", description="names of the prompts, separated by commas")
    direct_concurrency: int = Field(4, ge=1, le=64)
    direct_calls_per_minute: float = Field(60.0, gt=0.0)
    direct_timeout_s: float = Field(60.0, gt=0.0, le=600.0)
    direct_calls_per_day: int = Field(5000, ge=1)
    direct_tokens_per_day: int = Field(2_000_000, ge=20_000, description="the last 20,000 are not used")

    judge_url: str | None = Field(None, description="OpenAI-compatible endpoint of judges, before /chat/completions")
    judge_model: str | None = Field(None, description="model of judges that name none")
    judge_embedding_model: str | None = None
    judge_api_key: str | None = Field(None, repr=False)
    judge_api_key_file: str | None = Field(None, description="file with the key of the judges' endpoint")
    judge_calls_per_minute: float | None = Field(None, gt=0, description="requests of judges a minute; 5 by default")
    judge_concurrency: int | None = Field(None, ge=1, le=64)
    judge_timeout_s: float | None = Field(None, gt=0)
    judge_input_price: float | None = Field(None, ge=0, description="US dollars for a million tokens")
    judge_output_price: float | None = Field(None, ge=0, description="US dollars for a million tokens")
    judge_run_tokens: int | None = Field(None, ge=0, description="most tokens that judges use in an evaluation")
    judge_run_usd: float | None = Field(None, ge=0, description="most US dollars that judges use in an evaluation")
    judge_day_tokens: int | None = Field(None, ge=0, description="most tokens that judges use on a day (UTC)")
    judge_day_usd: float | None = Field(None, ge=0, description="most US dollars that judges use on a day (UTC)")
    judges_wait_minutes: float = Field(
        60.0, gt=0, le=1440, description="time that a proposal's evaluation waits for judges after its first answer"
    )
    ragas_python: str | None = Field(None, description="a Python that has Ragas, for its judges")
    api_keys: str | None = Field(
        None, repr=False, description="API keys with the scope ingest, by which judges' scores are submitted"
    )
    api_keys_file: str | None = Field(None, description="file with such API keys, one a line")

    @model_validator(mode="after")
    def _names_prompts(self) -> Self:
        if self.direct_url and not self.direct_names():
            raise ValueError("set RATCHET_DIRECT_PROMPTS to the prompts that RATCHET_DIRECT_URL is to answer")
        return self

    def direct_names(self) -> tuple[str, ...]:
        """Return the names of the prompts that the endpoint answers."""
        return tuple(name for each in self.direct_prompts.split(",") if (name := each.strip()))

    @property
    def judge_environment(self) -> dict[str, str]:
        """The settings of judges as the environment variables that `ratchet eval` reads, too."""
        found = self.model_dump(include={name for name in type(self).model_fields if name.startswith("judge_")})
        return {f"RATCHET_{name.upper()}": str(value) for name, value in found.items() if value is not None}
