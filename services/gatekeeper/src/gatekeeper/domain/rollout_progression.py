"""Decide the next change of a rollout: harm, evidence for the next step, or reasons to pause (pure).

All guarded metrics are compared at every look. The error budget of 5 % for a false rollback is shared by them; for a
false advance each has 5 %, since an advance needs all of them.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from math import expm1, log, log1p

from gatekeeper.domain.rollout import Arm, Assessment, Measured, MetricVerdict, Rollout
from gatekeeper.domain.rollout_plan import ALL, GuardedMetric, Step
from shared.metric_format import format_signed
from shared.statistics.two_arms import ArmSums, Difference, Stratum, compare_arms, log_sample_ratio_evidence
from shared.statistics.unit_groups import calls_of_unit

ALPHA = 0.05
_RATIO_EVIDENCE = log(1_000.0)
_RATIO_TOLERANCE = 1.5
"""A smaller deviation of the candidate's share than by this factor may have harmless causes, such as one busy user."""
MIN_UNITS = 10
"""Users, or sessions, of each arm without which nothing is concluded; the database checks it for a step."""
_OF_EXECUTIONS = ("error_rate", "latency_ms", "input_tokens", "output_tokens", "cost_usd")
"""Metrics that executions have by themselves: feedback may be given more often to one arm."""
_COMPARED: tuple[Arm, Arm] = ("base", "candidate")
_NO_SUMS = ArmSums()


def decide_next_change(rollout: Rollout, measured: Measured, halted: bool, now: datetime) -> Assessment:
    """Return what to do with a rollout, with the numbers. Evidence of harm counts also while it is paused or halted."""
    if not rollout.is_open:
        return Assessment("ended", rollout.message)
    plan, step = rollout.plan, rollout.plan.steps[rollout.step]
    harm_alpha = ALPHA / len(plan.metrics)
    metrics = tuple(_verdict(metric, measured, step, harm_alpha) for metric in plan.metrics)
    arms = _executions(measured, rollout.step)
    seconds = (now - rollout.since).total_seconds()
    if harmful := [each for each in metrics if each.verdict == "worse"]:
        return Assessment("harmful", f"worse than the base: {_texts(harmful)}", metrics, arms)
    if rollout.state == "paused":
        return Assessment("paused", rollout.message, metrics, arms)
    if halted:
        return Assessment("halted", "promotions are halted: the weights stay until a person resumes", metrics, arms)
    if mismatch := _ratio_mismatch(rollout, measured, arms):
        return Assessment("pause", mismatch, metrics, arms, "sample-ratio")
    if seconds >= plan.no_data_seconds and arms["candidate"] == 0:
        text = f"no execution of the candidate was measured for {seconds:.0f} s"
        return Assessment("pause", text, metrics, arms, "no-data")
    missing = [*_missing_values(rollout, measured, step), *_few_units(rollout, metrics), *_undecided(metrics)]
    if seconds < step.min_seconds:
        missing.append(f"{step.min_seconds - seconds:.0f} s of the step's minimum of {step.min_seconds} s")
    if not missing:
        last = rollout.step == len(plan.steps) - 1
        following = ALL if last else plan.steps[rollout.step + 1].weight
        text = f"{following / 100:g} % next: {_texts(metrics)}"
        return Assessment("complete" if last else "advance", text, metrics, arms)
    text = f"at {step.weight / 100:g} %, needs {'; '.join(missing)}"
    if seconds >= plan.limit_seconds:
        return Assessment("pause", f"undecided after {plan.limit_seconds} s: {text}", metrics, arms, "inconclusive")
    return Assessment("waiting", text, metrics, arms)


def _verdict(metric: GuardedMetric, measured: Measured, step: Step, harm_alpha: float) -> MetricVerdict:
    """Compare the arms on one metric. A share or score is worse below 0, an amount below minus the margin."""
    sums = [found for (_, name), found in measured.items() if name == metric.name]
    bounded = all(found.bounded for found in sums)
    strata = [Stratum(each.arms.get("base", _NO_SUMS), each.arms.get("candidate", _NO_SUMS)) for each in sums]
    margin = metric.margin / ALL
    compared = compare_arms(strata, bounded)
    found, harm = compared.bounds(ALPHA), compared.bounds(harm_alpha)
    if found.low is None or harm.high is None:
        return MetricVerdict(metric.name, bounded, margin, found, "no-data", compared.units)
    enough = min(found.base, found.candidate) >= step.min_values and compared.units >= MIN_UNITS
    limit = -margin if bounded else -log1p(margin)
    shown = Difference(found.base, found.candidate, found.mean, found.low, harm.high)
    if enough and harm.high < (0.0 if bounded else limit):
        return MetricVerdict(metric.name, bounded, margin, shown, "worse", compared.units)
    is_fine = enough and found.low > limit
    return MetricVerdict(metric.name, bounded, margin, shown, "not-worse" if is_fine else "undecided", compared.units)


def _executions(measured: Measured, step: int) -> Mapping[str, int]:
    """Return the executions of a step by arm: those of the metric that most of them have."""
    counts: Counter[str] = Counter(base=0, candidate=0, unassigned=0)
    for (at, name), sums in measured.items():
        if at == step and name in _OF_EXECUTIONS:
            for arm, found in sums.arms.items():
                counts[arm] = max(counts[arm], found.n)
    return dict(counts)


def _calls_of_unit(measured: Measured, step: int) -> float:
    """Return how many executions of a step count as one in the test of the ratio: those of one user or session."""
    found = [
        calls_of_unit(sums.arms[arm].groups)
        for (at, name), sums in measured.items()
        for arm in _COMPARED
        if at == step and name in _OF_EXECUTIONS and arm in sums.arms
    ]
    return max(found, default=1.0)


def _ratio_mismatch(rollout: Rollout, measured: Measured, arms: Mapping[str, int]) -> str | None:
    """Return a sentence if the arms got other shares of the executions than the step says, beyond chance."""
    base, candidate = arms["base"], arms["candidate"]
    share, calls = rollout.weight / ALL, _calls_of_unit(measured, rollout.step)
    if base + candidate == 0:
        return None
    found = candidate / (base + candidate)
    is_near = share / _RATIO_TOLERANCE <= found <= share * _RATIO_TOLERANCE
    if is_near or log_sample_ratio_evidence(int(base / calls), int(candidate / calls), share) < _RATIO_EVIDENCE:
        return None
    whole = base + candidate
    return f"sample ratio mismatch: the candidate got {candidate} of {whole} executions, instead of {100 * share:g} %"


def _missing_values(rollout: Rollout, measured: Measured, step: Step) -> list[str]:
    missing = []
    for metric in rollout.plan.metrics:
        sums = measured.get((rollout.step, metric.name))
        for arm in _COMPARED:
            n = sums.arms.get(arm, _NO_SUMS).n if sums else 0
            if n < step.min_values:
                missing.append(f"{metric.name} of {step.min_values} executions of the {arm} (has {n})")
    return missing


def _few_units(rollout: Rollout, metrics: Sequence[MetricVerdict]) -> list[str]:
    few = [each for each in metrics if each.verdict != "no-data" and each.units < MIN_UNITS]
    return [f"{each.name} of {MIN_UNITS} {rollout.plan.unit}s of each arm (has {each.units})" for each in few]


def _undecided(metrics: Sequence[MetricVerdict]) -> list[str]:
    return [
        f"{each.name} at most {100 * each.margin:g} {each.unit} worse (is {_format_bounds(each)})"
        for each in metrics
        if each.verdict == "undecided"
    ]


def _texts(metrics: Sequence[MetricVerdict]) -> str:
    return "; ".join(f"{each.name} {_format_bounds(each)}" for each in metrics)


def _format_bounds(metric: MetricVerdict) -> str:
    """Return the difference with its bounds and numbers: `−9.8 pp (−14.1 to −5.2, n = 120 and 2280)`."""
    found = metric.difference
    if found.mean is None or found.low is None or found.high is None:
        return "unknown"
    mean, low, high = (
        format_signed(100 * (each if metric.bounded else expm1(each))) for each in (found.mean, found.low, found.high)
    )
    return f"{mean} {metric.unit} ({low} to {high}, n = {found.candidate} and {found.base})"
