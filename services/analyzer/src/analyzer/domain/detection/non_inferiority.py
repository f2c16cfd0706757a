"""Test that a mean is above a limit: evidence of recovery after an alarm."""

import math
from dataclasses import replace

from analyzer.domain.detection.running_stats import BLOCK, Block, BlockAverager
from analyzer.domain.detection.switch_comparison import Reference, SwitchTest
from analyzer.domain.detection.types import DetectionSettings, JsonState, ValueKind
from analyzer.domain.detection.variance import variance_ratio

_EXACT = 10**9


class NonInferiorityTest:
    """Sequential test of the values after an alarm.

    Null hypothesis: their mean is at most `edge`. `reference` gives their spread before the drop. `observe` returns
    whether the null hypothesis is refuted at alpha by at least the minimum of values; valid after every value.
    """

    __slots__ = ("_blocks", "_switch", "kind", "settings")

    def __init__(self, kind: ValueKind, settings: DetectionSettings, reference: JsonState, edge: float) -> None:
        self.kind, self.settings = kind, settings
        self._blocks = BlockAverager(kind)
        bounded = kind in ("bounded", "binary")
        self._switch = SwitchTest(
            _shifted_reference(Reference(*reference), edge, bounded), settings.alpha, bounded, worse=-1.0
        )

    def observe(self, value: float) -> bool:
        """Add a value and return whether the null hypothesis is refuted. NaN is ignored."""
        block = self._blocks.add(value)
        return block is not None and self.close(block)

    @property
    def waiting(self) -> int:
        """The number of values in the incomplete block."""
        return self._blocks.waiting

    def close(self, block: Block) -> bool:
        """Add a complete block and return whether the null hypothesis is refuted."""
        return self._switch.add(*block) and self._switch.n * BLOCK >= self.settings.minimum

    def dump(self) -> JsonState:
        return [self.kind, self._blocks.dump(), self._switch.dump()]

    @classmethod
    def load(cls, state: JsonState, settings: DetectionSettings) -> "NonInferiorityTest":
        """Return the test that `dump` wrote."""
        kind, blocks, switch = state
        recovery = cls(kind, settings, switch[0], 0.0)
        recovery._blocks, recovery._switch = BlockAverager.load(kind, blocks), SwitchTest.load(switch)
        return recovery


def _shifted_reference(reference: Reference, edge: float, bounded: bool) -> Reference:
    """Return `reference` with the mean `edge` and no error of its own; the variance grows as bounded values require."""
    grown = variance_ratio(reference.raw, edge, bounded)
    low, high = (edge + (clip - reference.raw) * math.sqrt(grown) for clip in (reference.low, reference.high))
    spread = {"variance": reference.variance * grown, "values": reference.values * grown}
    return replace(reference, n=_EXACT, mean=edge, raw=edge, low=low, high=high, **spread)
