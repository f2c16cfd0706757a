"""Whether what an alarm said is refuted by now: the mirrored question, by the same rigour."""

import math
from dataclasses import replace

from analyzer.domain.detection.block_means import Blocks
from analyzer.domain.detection.running_stats import BLOCK
from analyzer.domain.detection.standard_error import tie
from analyzer.domain.detection.switch import Reference, Switch
from analyzer.domain.detection.types import Kind, Settings, State

_EXACT = 10**9


class NonInferiorityTest:
    """Watches values after an alarm.

    Null hypothesis: their mean is at most `edge`. `reference` says how values were spread before the drop. `observe`
    says whether that is refuted at alpha by the minimum of values or more; it may be asked after every value, for ever.
    """

    __slots__ = ("_blocks", "_switch", "kind", "settings")

    def __init__(self, kind: Kind, settings: Settings, reference: State, edge: float) -> None:
        self.kind, self.settings = kind, settings
        self._blocks = Blocks(kind)
        bounded = kind in ("bounded", "binary")
        self._switch = Switch(_moved(Reference(*reference), edge, bounded), settings.alpha, bounded, worse=-1.0)

    def observe(self, value: float) -> bool:
        """Takes a value (NaN is none); whether the null hypothesis is refuted with it."""
        block = self._blocks.take(value)
        return block is not None and self._switch.add(*block) and self._switch.n * BLOCK >= self.settings.minimum

    def dump(self) -> State:
        return [self.kind, self._blocks.dump(), self._switch.dump()]

    @classmethod
    def load(cls, state: State, settings: Settings) -> "NonInferiorityTest":
        """The watch that `dump` wrote."""
        kind, blocks, switch = state
        recovery = cls(kind, settings, switch[0], 0.0)
        recovery._blocks, recovery._switch = Blocks.load(kind, blocks), Switch.load(switch)
        return recovery


def _moved(reference: Reference, edge: float, bounded: bool) -> Reference:
    """An exact standard of that mean, where a bounded value spreads as much more as it must."""
    grown = tie(reference.raw, edge, bounded)
    low, high = (edge + (clip - reference.raw) * math.sqrt(grown) for clip in (reference.low, reference.high))
    spread = {"variance": reference.variance * grown, "values": reference.values * grown}
    return replace(reference, n=_EXACT, mean=edge, raw=edge, low=low, high=high, **spread)
