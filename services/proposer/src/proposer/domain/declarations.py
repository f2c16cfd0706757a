"""What projects declared of the metrics that feedback belongs to (pure)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from shared.events.feedback import FeedbackCreated
from shared.metric_catalog import Declaration, metric_name


class DeclarationKey(NamedTuple):
    """A metric of one target, or of all targets (`target` None)."""

    project: str
    environment: str
    target: str | None
    metric: str


@dataclass(frozen=True, slots=True)
class Declarations:
    """The declarations in force; a metric without one means what the metric catalogue says."""

    declared: Mapping[DeclarationKey, Declaration] = field(default_factory=dict)

    def find(self, event: FeedbackCreated) -> Declaration:
        """Return what is declared of the metric of `event`: of its target, completed by what holds for all targets."""
        if not self.declared or event.kind not in ("thumb", "rating", "label"):
            return NOTHING
        metric = metric_name(event.kind, event.name, event.source == "implicit")
        general = DeclarationKey(event.project, event.environment, None, metric)
        special = self.declared.get(general._replace(target=event.target), NOTHING)
        return special.over(self.declared.get(general, NOTHING))


NOTHING = Declaration()
NO_DECLARATIONS = Declarations()
