"""The product's monitor applied to a stream of a detection benchmark."""

from typing import Any

from analyzer.domain.detection import DetectionSettings, JsonState, Monitor, ValueKind
from analyzer.domain.segments.mix_adjustment import SegmentProfile

SETTINGS = DetectionSettings(alpha=0.05, minimum=0, floor=0.0)
_HARMLESS = {"bounded": "down", "binary": "down", "positive": "up", "real": "down"}


class Subject:
    """Feeds values to a monitor, negated if needed so that its harmful direction equals the stream's.

    `meta`: kind, dir (harmful direction), base (leading values that are history), switch (index of a declared change)
    and p0 (agreed rate), the last two optional. Values with segments are tested at a twentieth of alpha; with `whole`,
    at alpha itself.
    """

    def __init__(self, meta: dict[str, Any], settings: DetectionSettings = SETTINGS, whole: bool = False) -> None:
        self._settings, self._segmented = settings, settings if whole else settings.residualised()
        self._base, self._switch = int(meta["base"]), meta.get("switch")
        self._kind: ValueKind = "rare" if meta.get("p0") else meta["kind"]
        self._agreed: float | None = meta.get("p0")
        self._turned = self._kind != "rare" and meta["dir"] != _HARMLESS[self._kind]
        self._index = -1
        self._kept: list[int] = []
        self._profile = SegmentProfile()
        self.monitor = self._monitor(None)

    def _monitor(self, reference: JsonState | None) -> Monitor:
        self._kept = []
        return Monitor(self._kind, self._settings, reference=reference, agreed=self._agreed)

    @property
    def regressed(self) -> bool:
        """Return whether the product's policy calls the finding a regression."""
        return self.monitor.finding().answer == "regressed"

    def observe(self, value: float, segment: str = "") -> int | None:
        """Return the estimated index of the change if the value raises an alarm; -1 if it cannot be dated."""
        if self._index + 1 == self._switch:
            self.monitor = self._monitor(self.monitor.reference())
        self._index += 1
        if value != value:
            return None
        if self._turned:
            value = 1.0 / value if self._kind == "positive" else 1.0 - value
        if segment:
            if self._settings is not self._segmented:
                self._settings = self._segmented
                self.monitor = self._monitor(None)
            value = self._profile.adjust((segment,), value)
        self._kept.append(self._index)
        if self._index < self._base and self._kind != "rare":
            self.monitor.learn(value)
            return None
        if not self.monitor.observe(value):
            return None
        since = self.monitor.finding().since
        return -1 if since is None else self._kept[min(since.index, len(self._kept) - 1)]
