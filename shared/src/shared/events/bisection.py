"""Events about bisections: which changes of a prompt's edit made answers worse."""

from typing import ClassVar, Literal
from uuid import UUID

from shared.events.base import AwareDatetime, Fact, TargetEvent

BisectionOutcome = Literal["found", "harmless", "undecided", "unavailable"]
"""`found`: some changes made answers worse, and all others did not. `harmless`: not even all together made them worse.
`undecided`: more cases are needed. `unavailable`: there is nothing to compare, or no set that is large enough."""


class BisectionRequested(TargetEvent):
    """The changes from one prompt to another are to be bisected, because quality fell with them.

    `execution_ids` are those of the regression: golden cases that come from them are not used.
    """

    topic: ClassVar[str] = "bisection.requested"

    bisection_id: UUID
    regression_id: UUID
    name: str
    good_digest: str
    good: dict[str, object]
    bad_digest: str
    bad: dict[str, object]
    execution_ids: tuple[str, ...] = ()


class Effect(Fact):
    """Difference of the pass rate over `cases` independent golden cases, with its interval; from -1 to 1."""

    cases: int
    difference: float
    low: float
    high: float


class CausalChange(Fact):
    """A change that made answers worse: where it is, its text before and after (None: nothing), and its effect."""

    path: str
    before: str | None
    after: str | None
    effect: Effect


class BisectionCompleted(TargetEvent):
    """A bisection has ended. `changes` is the number of changes of the edit, `answers` what the app was asked for.

    `document` with `digest` is the fix if the outcome is `found`: the bad prompt without its causal changes. `restored`
    compares it with the good prompt; None if it is the good prompt.
    """

    topic: ClassVar[str] = "bisection.completed"

    bisection_id: UUID
    regression_id: UUID
    name: str
    good_digest: str
    bad_digest: str
    outcome: BisectionOutcome
    reason: str
    changes: int
    causal: tuple[CausalChange, ...] = ()
    digest: str | None = None
    document: dict[str, object] | None = None
    restored: Effect | None = None
    answers: int
    completed_at: AwareDatetime
