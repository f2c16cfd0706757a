"""`/v1/tuning-settings`: which answers become examples, for each target."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field, field_validator

from proposer.api.parameters import Reader
from proposer.api.response_models import TargetTuningView, TuningSettingsList
from proposer.domain.schedules import next_run
from proposer.domain.tuning_settings import MAX_EXAMPLES, MAX_RATING, MAX_WINDOW_DAYS, MIN_RATING, TuningSettings
from proposer.storage.repository import ProposerRepository
from shared.auth.principal import Principal
from shared.events.feedback import Confidentiality
from shared.messaging.store import Store
from shared.runtime.clock import Clock
from shared.web.authentication import require
from shared.web.response_models import describe_response

Admin = Annotated[Principal, Depends(require("admin"))]
Target = Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[^\x00]+$")]
Region = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")]
Rating = Annotated[float, Field(ge=MIN_RATING, le=MAX_RATING)]

_DEFAULTS = TuningSettings()
_ANY_TIME = datetime(2026, 1, 1, tzinfo=UTC)


class TuningSettingsBody(BaseModel):
    """Settings of one target; what is left out has its default. Answers rated below 4 are not stored as candidates.

    `regions` and `confidentiality` (the highest) are what answers may be used of: only those that pass become examples,
    or are shown to a language model. Without both, no pull request has what was made from answers. An answer whose
    region or confidentiality is unknown passes only with `allow_unknown_data`.

    `schedule` is a cron expression of five fields, in `time_zone` (IANA), by which batch runs select examples.
    """

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"realtime_min_rating": 5, "max_examples": 3}]}
    )

    realtime_min_rating: Rating = _DEFAULTS.realtime_min_rating
    batch_min_rating: Rating = _DEFAULTS.batch_min_rating
    window_days: Annotated[int, Field(ge=1, le=MAX_WINDOW_DAYS)] = _DEFAULTS.window_days
    max_examples: Annotated[int, Field(ge=1, le=MAX_EXAMPLES)] = _DEFAULTS.max_examples
    max_tokens: Annotated[int, Field(ge=50, le=20_000)] = _DEFAULTS.max_tokens
    schedule: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    time_zone: Annotated[str, Field(min_length=1, max_length=64)] = _DEFAULTS.time_zone

    regions: Annotated[list[Region], Field(min_length=1, max_length=50)] | None = None
    confidentiality: Confidentiality | None = None
    allow_unknown_data: bool = False

    @field_validator("schedule")
    @classmethod
    def _valid_schedule(cls, expression: str | None) -> str | None:
        if expression is not None:
            next_run(expression, "UTC", _ANY_TIME)
        return expression

    @field_validator("time_zone")
    @classmethod
    def _valid_zone(cls, name: str) -> str:
        next_run("0 0 * * *", name, _ANY_TIME)
        return name

    def settings(self) -> TuningSettings:
        """Return the settings. Regions are compared in lower case, as executions have them."""
        regions = None if self.regions is None else tuple(dict.fromkeys(each.lower() for each in self.regions))
        return TuningSettings(**{**self.model_dump(), "regions": regions})


def tuning_settings_router(store: Store, clock: Clock) -> APIRouter:
    """Return the router; it reads and writes in transactions of `store`."""
    router = APIRouter(prefix="/v1/tuning-settings", tags=["few-shots"])

    @router.get("", responses=describe_response(TuningSettingsList))
    async def list_settings(principal: Reader) -> dict[str, Any]:
        """Return the settings of targets that have their own, and the defaults of all others."""
        async with store.begin() as tx:
            repository = ProposerRepository(tx.conn).tuning
            found = await repository.list_all(principal.project, principal.environment)
        return {"defaults": asdict(_DEFAULTS), "items": [_view(target, it) for target, it in found.items()]}

    @router.get("/{target}", responses=describe_response(TargetTuningView))
    async def get_settings(principal: Reader, target: Target) -> dict[str, Any]:
        """Return the settings of a target."""
        async with store.begin() as tx:
            found = await ProposerRepository(tx.conn).tuning.get(principal.project, principal.environment, target)
        return _view(target, found)

    @router.put("/{target}", responses=describe_response(TargetTuningView))
    async def set_settings(principal: Admin, target: Target, body: TuningSettingsBody) -> dict[str, Any]:
        """Replace the settings of a target. They apply from the next feedback on, at the latest after a minute."""
        settings = body.settings()
        scope = (principal.project, principal.environment, target)
        async with store.begin() as tx:
            await ProposerRepository(tx.conn).tuning.save(*scope, settings, principal.subject, clock.now())
        return _view(target, settings)

    return router


def _view(target: str, settings: TuningSettings) -> dict[str, Any]:
    return {"target": target, **asdict(settings)}
