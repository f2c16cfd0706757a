"""When a schedule runs: cron expressions in a time zone.

Expressions and daylight saving are those of Debian's cron, by `cronsim`: a job at a fixed time that the clock skips
runs right after the change, and one in an hour that comes twice runs once.
"""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError


class InvalidSchedule(ValueError):
    """The expression or the time zone is not valid, or the expression never matches; `field` is the wrong one."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field


def next_run(expression: str, time_zone: str, after: datetime) -> datetime:
    """Return the first time after `after`, in UTC, at which the schedule runs. Raises InvalidSchedule."""
    try:
        zone = ZoneInfo(time_zone)
    except (KeyError, ValueError, OSError) as error:
        raise InvalidSchedule("time_zone", "must be a name of the IANA time zone database") from error
    try:
        return next(CronSim(expression, after.astimezone(zone))).astimezone(UTC)
    except CronSimError as error:
        raise InvalidSchedule("schedule", f"must be a cron expression of five fields: {error}") from error
    except StopIteration as error:
        raise InvalidSchedule("schedule", "never matches") from error
