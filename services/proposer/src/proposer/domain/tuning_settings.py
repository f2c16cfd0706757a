"""Which answers may become examples of a target, how many, and when a batch run selects them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from proposer.domain.data_rules import DataRules
from proposer.domain.pool_entries import SetLimits
from shared.events.feedback import Confidentiality

MAX_EXAMPLES = 5
MIN_RATING, MAX_RATING = 4.0, 5.0
"""Answers that were rated lower than 4 are not stored as candidates."""
MAX_WINDOW_DAYS = 30
"""Candidates are kept for 30 days."""


@dataclass(frozen=True, slots=True)
class TuningSettings:
    """Settings of one target. Ratings are from 1 to 5; a thumb up, a good label and a correction count as 5.

    A candidate enters a set in real time from `realtime_min_rating` on, and in a batch run from `batch_min_rating` on.
    The lower of both is what an example needs to stay. `schedule`: the cron expression of batch runs, in `time_zone`.
    `regions` and `confidentiality` (the highest) are what answers may be used of; None: not declared.
    """

    realtime_min_rating: float = 4.5
    batch_min_rating: float = 4.0
    window_days: int = 30
    max_examples: int = MAX_EXAMPLES
    max_tokens: int = 2_000
    schedule: str | None = None
    time_zone: str = "UTC"
    regions: tuple[str, ...] | None = None
    confidentiality: Confidentiality | None = None
    allow_unknown_data: bool = False

    @property
    def data(self) -> DataRules:
        """Return which answers may be used by their data."""
        return DataRules(self.regions, self.confidentiality, self.allow_unknown_data)

    def limits(self, near_duplicate: float) -> SetLimits:
        """Return the limits of an example set."""
        return SetLimits(self.max_examples, self.max_tokens, near_duplicate)

    def since(self, now: datetime) -> datetime:
        """Return the time from which candidates count."""
        return now - timedelta(days=self.window_days)

    @property
    def score_to_enter(self) -> float:
        """The smallest score of a candidate that enters a set in real time."""
        return score_of(self.realtime_min_rating)

    @property
    def score_to_stay(self) -> float:
        """The smallest score of an example that stays in a set."""
        return score_of(min(self.realtime_min_rating, self.batch_min_rating))


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """Limits of one batch run; None: as in the target's settings."""

    max_examples: int | None = None
    min_rating: float | None = None
    window_days: int | None = None

    def applied_to(self, settings: TuningSettings) -> TuningSettings:
        """Return `settings` with these limits."""
        return replace(
            settings,
            max_examples=settings.max_examples if self.max_examples is None else self.max_examples,
            batch_min_rating=settings.batch_min_rating if self.min_rating is None else self.min_rating,
            window_days=settings.window_days if self.window_days is None else self.window_days,
        )


def read_settings(stored: Mapping[str, Any]) -> TuningSettings:
    """Return stored settings; those that a former version stored lack newer ones, which have their defaults."""
    regions = stored.get("regions")
    return TuningSettings(**{**stored, "regions": None if regions is None else tuple(regions)})


def score_of(rating: float) -> float:
    """Return a rating from 1 to 5 on the scale from 0 to 1."""
    return (rating - 1.0) / 4.0


def rating_of(score: float) -> float:
    """Return a score from 0 to 1 as a rating from 1 to 5."""
    return round(1.0 + 4.0 * score, 3)
