"""A stream of a detection benchmark, as the product would see it."""

from typing import Any

from analyzer.detection import Kind, Monitor, Settings, State

SETTINGS = Settings(alpha=0.05, minimum=0, floor=0.0)
_HARMLESS = {"bounded": "down", "binary": "down", "positive": "up", "real": "down"}


class Subject:
    """Feeds values to a monitor, turned so that its harmful direction is the stream's.

    `meta`: kind, dir (harmful direction), base (leading values that are history), switch (index of a declared change)
    and p0 (agreed rate), the last two optional.
    """

    def __init__(self, meta: dict[str, Any], settings: Settings = SETTINGS) -> None:
        self._settings = settings
        self._base, self._switch = int(meta["base"]), meta.get("switch")
        self._kind: Kind = "rare" if meta.get("p0") else meta["kind"]
        self._agreed: float | None = meta.get("p0")
        self._turned = self._kind != "rare" and meta["dir"] != _HARMLESS[self._kind]
        self._index = -1
        self._kept: list[int] = []
        self._segments = Segments()
        self.monitor = self._monitor(None)

    def _monitor(self, reference: State | None) -> Monitor:
        self._start = self._index + 1
        self._kept = []
        return Monitor(self._kind, self._settings, reference=reference, agreed=self._agreed)

    def take(self, value: float, segment: str = "") -> int | None:
        """The estimated index of the change if the value raises an alarm; -1 where it can't be dated."""
        if self._index + 1 == self._switch:
            self.monitor = self._monitor(self.monitor.reference())
        self._index += 1
        if value != value:
            return None
        if self._turned:
            value = 1.0 / value if self._kind == "positive" else 1.0 - value
        if segment:
            value = self._segments.residual(segment, value, self._index < self._base)
        self._kept.append(self._index)
        if self._index < self._base and self._kind != "rare":
            self.monitor.learn(value)
            return None
        if not self.monitor.observe(value):
            return None
        since = self.monitor.finding().since
        return -1 if since is None else self._kept[min(since.index, len(self._kept) - 1)]


class Segments:
    """Values less their segment's mean, plus the mean of all; means are those of the history."""

    def __init__(self) -> None:
        self._sums: dict[str, list[float]] = {}
        self._all = [0.0, 0.0]

    def residual(self, segment: str, value: float, history: bool) -> float:
        n, total = self._sums.get(segment, (0.0, 0.0))
        left = value - total / n + self._all[1] / self._all[0] if n else value
        if history:
            self._sums[segment] = [n + 1.0, total + value]
            self._all = [self._all[0] + 1.0, self._all[1] + value]
        return left
