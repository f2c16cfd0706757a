"""Whether what an alarm said is refuted by now: the mirrored question, by the same rigour."""

from analyzer.detection.blocks import Blocks
from analyzer.detection.findings import switch_finding
from analyzer.detection.past import BLOCK
from analyzer.detection.switch import Reference, Switch
from analyzer.detection.words import Finding, Kind, Settings, State


class Recovery:
    """Watches the values after an alarm against the reference from before the drop.

    Null hypothesis: their mean is below the reference's by the floor or more. `observe` says whether that is refuted at
    alpha by the minimum of values or more; it may be asked after every value, for ever.
    """

    __slots__ = ("_blocks", "_switch", "kind", "settings")

    def __init__(self, kind: Kind, settings: Settings, reference: State) -> None:
        self.kind, self.settings = kind, settings
        self._blocks = Blocks(kind)
        bounded = kind in ("bounded", "binary")
        self._switch = Switch(Reference(*reference), settings.alpha, bounded, worse=-1.0, margin=-settings.floor)

    def observe(self, value: float) -> bool:
        """Takes a value (NaN is none); whether the drop is refuted with it."""
        block = self._blocks.take(value)
        return block is not None and self._switch.add(*block) and self._switch.n * BLOCK >= self.settings.minimum

    def finding(self) -> Finding:
        """The comparison so far; `holds` says that a drop of the floor is refuted by the interval too."""
        return switch_finding(self._switch, self.kind, self.settings)

    def dump(self) -> State:
        return [self.kind, self._blocks.dump(), self._switch.dump()]

    @classmethod
    def load(cls, state: State, settings: Settings) -> "Recovery":
        """The watch that `dump` wrote."""
        kind, blocks, switch = state
        recovery = cls(kind, settings, switch[0])
        recovery._blocks, recovery._switch = Blocks.load(kind, blocks), Switch.load(switch)
        return recovery
