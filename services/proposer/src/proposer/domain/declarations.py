"""Declarations of the metrics that feedback belongs to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from shared.events.feedback import FeedbackCreated
from shared.metric_catalog import Declaration, source_metric_name


class DeclarationKey(NamedTuple):
    """A metric of one target, or of all targets (`target` None)."""

    project: str
    environment: str
    target: str | None
    metric: str


@dataclass(frozen=True, slots=True)
class Declarations:
    """The declarations in force; for a metric without one the metric catalogue applies."""

    declared: Mapping[DeclarationKey, Declaration] = field(default_factory=dict)

    def find(self, event: FeedbackCreated) -> Declaration:
        """Return the declaration of the metric of `event`: that of its target, completed by that of all targets."""
        if not self.declared or event.kind not in ("thumb", "rating", "label"):
            return NOTHING
        metric = source_metric_name(event.kind, event.name, event.source)
        general = DeclarationKey(event.project, event.environment, None, metric)
        special = self.declared.get(general._replace(target=event.target), NOTHING)
        return special.completed_by(self.declared.get(general, NOTHING))


NOTHING = Declaration()
NO_DECLARATIONS = Declarations()
