"""Settings of an evaluation run."""

from dataclasses import dataclass

from ratchet.prompt import Json
from ratchet_evaluation.domain.outcomes import PASS
from ratchet_evaluation.domain.statistics.comparison import Goal
from ratchet_evaluation.domain.statistics.wealth import LEVEL


@dataclass(frozen=True, slots=True)
class RunSettings:
    """What a run has to show.

    `goal` and `margin` are about the comparison with the baseline by `metric`. `min_pass_rate` is a share of the cases
    that were run, or None. `repeats`: answers to each case and prompt. `all_cases`: do not stop when the comparison is
    decided. `level`: of the comparison's interval; each of its sides is wrong with half of 1 - `level`.
    """

    goal: Goal = "not-worse"
    margin: float = 0.05
    metric: str = PASS
    min_pass_rate: float | None = None
    repeats: int = 1
    all_cases: bool = False
    level: float = LEVEL

    @property
    def stops_early(self) -> bool:
        """Whether the run may end before all cases: a minimum pass rate is about all of them."""
        return not self.all_cases and self.min_pass_rate is None

    def to_json(self) -> dict[str, Json]:
        return {
            "goal": self.goal,
            "margin": self.margin,
            "metric": self.metric,
            "min_pass_rate": self.min_pass_rate,
            "repeats": self.repeats,
            "all_cases": self.all_cases,
            "level": self.level,
        }
