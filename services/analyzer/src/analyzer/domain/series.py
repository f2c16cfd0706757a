"""Short windows of time: what a batch adds to them, and how wide those are that a chart shows."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from analyzer.domain.model import Dimension, Metric, PromptMetric, Reading, StreamKey, Use
from analyzer.domain.streams.sums import Sums

FINE, COARSE = 5, 300
"""Seconds of a window as it is kept: of the last six hours, and before."""
FINE_FOR, KEPT_FOR = 6 * 3600, 30 * 86_400
"""Seconds after which windows are put together, and after which they are forgotten."""
ENOUGH = 25
"""Values in a window that is shown, on average: with fewer, an interval spans nearly the whole scale."""
_STEPS = (FINE, 10, 15, 20, 30, 60, 120, COARSE, 900, 3600, 6 * 3600, 86_400, 5 * 86_400, KEPT_FOR)


class WindowKey(NamedTuple):
    """The window of a stream that begins at the Unix time `start` and lasts so many seconds."""

    stream: StreamKey
    start: int
    seconds: int


def added(readings: Iterable[Reading]) -> dict[WindowKey, Sums]:
    """What readings add to the windows; nothing where an execution ran before all that is kept.

    A value belongs where its execution ran, by the app's clock, whenever we hear of it. So a feedback that replaces
    another one is taken back from the very window that had it, and no order matters. A value that is summed both ways
    counts once.
    """
    found: dict[tuple[Dimension, tuple[Use, ...], int, int], Sums] = defaultdict(Sums)
    for dimension, metric, uses, _, value, former, at, received in readings:
        age = received - at
        twice = metric.mirrored and metric.direction == "undeclared"
        if age <= KEPT_FOR and not twice:
            seconds = FINE if age <= FINE_FOR else COARSE
            sums = found[dimension._replace(mirrored=False), uses, aligned(at, seconds), seconds]
            sums.replace(_usual(former, metric), _usual(value, metric))
    places: dict[WindowKey, Sums] = defaultdict(Sums)
    for (dimension, uses, start, seconds), sums in found.items():
        for use in uses:
            places[WindowKey(StreamKey(PromptMetric(dimension, use.prompt), use.identity), start, seconds)].merge(sums)
    return places


def _usual(value: float | None, metric: Metric) -> float | None:
    """A value on the scale of the metric's usual direction: so windows outlast a declaration."""
    if value is None or not metric.mirrored:
        return value
    return -value if metric.kind == "real" else 1.0 - value


class Extent(NamedTuple):
    """What there is to show between two Unix times: `n` values in `rows` windows, which begin at so many `moments`.

    `active` counts the seconds without the time in which nothing came: of a gap, at most twelve windows' time.
    """

    start: int
    end: int
    n: int
    active: int
    rows: int = 1
    moments: int = 1


def width(extent: Extent, limit: int | None = None) -> int:
    """Seconds of a window: as few as give it 25 values on average, and show all in about 90 % of `limit` rows.

    The rest of them is for windows in which one version follows another, and for those that are cut by a gap.
    """
    beside_each_other = extent.rows / extent.moments
    enough = ENOUGH * extent.active * beside_each_other / max(extent.n, 1)
    room = extent.active * beside_each_other / (0.9 * limit) if limit else 0.0
    return next((step for step in _STEPS if step >= max(enough, room)), _STEPS[-1])


def wider(seconds: int) -> int | None:
    """The next width; None where there is none."""
    return next((step for step in _STEPS if step > seconds), None)


def aligned(moment: float, seconds: int) -> int:
    """The start of the window that `moment` lies in."""
    return int(moment // seconds) * seconds


def page(windows: Sequence[tuple[int, int]], limit: int) -> tuple[int, int | None]:
    """How many of the rows make a page of `limit`, and the Unix time that the next one begins at, if there is one.

    `windows` has start and seconds of each row, in order. Rows of the same start stay together; of a start with
    more rows than a page holds, the rest is left out.
    """
    if len(windows) <= limit:
        return len(windows), None
    cut, _ = windows[limit]
    whole = next(index for index, (start, _) in enumerate(windows) if start == cut)
    if whole:
        return whole, cut
    return limit, cut + max(seconds for _, seconds in windows)
