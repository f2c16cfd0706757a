"""Options that the pulls of all kinds have."""

import math
from collections.abc import Iterable
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from collector.domain.pulls.langfuse_scores import BAD_RATING, LOW_REWARD
from collector.domain.pulls.pull_state import FlagSearch
from collector.domain.schemas import Name

Text = Annotated[str, Field(min_length=1, max_length=500)]
PullName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]


class Section(BaseModel):
    """A table of the file of pulls: strict, without unknown fields."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class PullOptions(Section):
    """What all pulls have in common. `target` is the name in Ratchet.

    `reward`: the score whose values below 0.5 are flagged.
    """

    name: PullName
    project: Name
    environment: Name
    target: Name | None = None
    window_hours: float = Field(168.0, gt=0, le=24 * 90)
    interval_s: float = Field(300.0, ge=10, le=86_400)
    overlap_minutes: float = Field(60.0, ge=0, le=24 * 60)
    reward: Text = "reward"

    def flag_searches(self, feedback: Iterable[tuple[str, str]]) -> tuple[FlagSearch, ...]:
        """Return the searches for flags. `feedback`: kinds and metrics; labels have no number to be searched by."""
        low_reward = FlagSearch("low_reward", f"score.{self.reward}", math.nextafter(LOW_REWARD, 0.0))
        largest = {"thumb": 0.0, "rating": float(BAD_RATING)}
        negative = (FlagSearch("negative_feedback", name, largest[kind]) for kind, name in feedback if kind in largest)
        return (low_reward, *negative)
