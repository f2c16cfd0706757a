"""Which baseline a version is compared with."""

from collections.abc import Sequence
from dataclasses import replace

from analyzer.model import Detector, Memory, Policy
from analyzer.samples import Worst
from analyzer.state import Baseline, Stream, Watch
from analyzer.sums import Sums

OWN_STAGES = (100, 400, 1600, 6400)
"""A stream without a version before it is compared with its own first values: 100, then 400 … of them.

Each stage spends half the alpha of the one before, so that all of them together spend no more than alpha.
"""


def predecessor(stream: Stream, others: Sequence[Stream], policy: Policy) -> Stream | None:
    """The version that was current before `stream`: of those with enough values, the one last in use.

    A version that raised a regression is nobody's standard.
    """
    fit = [other for other in others if other is not stream and other.learned >= policy.minimum and not other.regressed]
    return max(fit, key=lambda other: (other.last, other.started), default=None)


def against(
    detector: Detector, baseline: Baseline, reference: Memory, policy: Policy, *, stage: int = 0, cleared: str = ""
) -> Watch:
    """A new watch; nothing is observed yet."""
    alpha = policy.alpha / 2**stage
    return Watch(
        baseline=baseline,
        reference=reference,
        alpha=alpha,
        evidence=detector.watch(reference, alpha),
        worst=Worst(policy.samples),
        stage=stage,
        cleared=cleared,
    )


def standard(stream: Stream) -> tuple[Baseline, Memory]:
    """What `stream` sets as a standard: its values up to now.

    A version that raised a regression sets none: what it was compared with stands in for it.
    """
    if stream.regressed and stream.watch:
        return stream.watch.baseline, stream.watch.reference
    return Baseline(stream.key.identity, replace(stream.sums), stream.model), list(stream.memory)


def own_stage_due(stream: Stream, floor: float) -> int:
    """The stage (1, 2 …) that `stream` takes next from its own values, or 0.

    While it looks worse than its baseline by the floor, and after it once was, it takes none: a fall must not
    become the standard.
    """
    if stream.regressed:
        return 0
    stage = stream.watch.stage + 1 if stream.watch else 1
    if (stream.watch and stream.watch.stage == 0) or stage > len(OWN_STAGES):
        return 0
    if stream.learned < OWN_STAGES[stage - 1]:
        return 0
    return 0 if stream.watch and drop(stream.watch.baseline.sums, stream.watch.window.sums) >= floor else stage


def drop(baseline: Sums, current: Sums) -> float:
    """How much worse `current` is, on the metric's scale; negative where it is better."""
    return baseline.mean - current.mean
