"""One sequential test: betting against the reference's lower bound. Exact, not asymptotic; see `BettingDetector`."""

import math

from analyzer.model import Memory

# Stakes of the lower bound: one for each magnitude of the summed squares, from about 3 to 30,000.
_RATES = (0.9, 0.6, 0.4, 0.25, 0.16, 0.1, 0.06, 0.03, 0.015, 0.008)
_COSTS = tuple(-math.log1p(-rate) - rate for rate in _RATES)
# Stakes of the bets, as shares of the largest that can't lose more than everything.
_STAKES = (0.03, 0.1, 0.3, 0.9)
_AT_START = 0.5
"""The part of the capital that is staked on a drop right at the start; the rest is spread over later starts."""
_SPREAD = 500.0
"""Half of the later stakes lie on a drop within this many values."""
_RICH = 1e12
_BISECTIONS = 50
# Places in the evidence's memory; the capital of each stake follows.
_BOUND, _NEEDED, _STEPS, _CAPITAL = 0, 1, 2, 3


class BettingDetector:
    """A two-sample betting test (Waudby-Smith and Ramdas, 2024) for values in [0, 1].

    Half of alpha goes to a lower confidence bound of the reference's mean, which holds at all times at once
    (empirical Bernstein; Howard, Ramdas, McAuliffe and Sekhon, 2021), so that it may be taken whenever a new
    version happens to start. The other half goes to bets that the watched values lie below that bound:
    while their conditional mean is not below it, nobody can expect to win, and by Ville's inequality the
    capital ever reaches 2/alpha with a chance of at most alpha/2. The capital is divided over a few stakes and
    over the moments at which the drop may begin (a weighted Shiryaev-Roberts sum, with weights that add up to
    one), so a late drop is found too, and the level still holds for ever.
    """

    method = "betting/1"

    def fresh(self) -> Memory:
        """[n, sum, sum of squared distances from what was foreseen]."""
        return [0.0, 0.0, 0.0]

    def learn(self, memory: Memory, value: float) -> None:
        n, total, spread = memory
        foreseen = (total + 0.5) / (n + 1.0)
        memory[0] = n + 1.0
        memory[1] = total + value
        memory[2] = spread + (value - foreseen) ** 2

    def lower(self, memory: Memory, alpha: float) -> float:
        """A number that the stream's mean is below with a chance of at most `alpha`, at whatever moment one asks."""
        n, total, spread = memory
        if n == 0.0 or _log_wealth(0.0, n, total, spread) < -math.log(alpha):
            return 0.0
        low, high = 0.0, total / n
        for _ in range(_BISECTIONS):
            middle = (low + high) / 2.0
            if _log_wealth(middle, n, total, spread) >= -math.log(alpha):
                low = middle
            else:
                high = middle
        return low

    def watch(self, reference: Memory, alpha: float) -> Memory:
        return self.watch_bound(self.lower(reference, alpha / 2.0), alpha / 2.0)

    def watch_bound(self, bound: float, alpha: float) -> Memory:
        # A smaller bound is a stricter test, and a bound of 1 would have no largest stake.
        return [min(max(bound, 0.0), 0.999), 1.0 / alpha, 0.0, *([0.0] * len(_STAKES))]

    def observe(self, evidence: Memory, value: float) -> None:
        bound, steps = evidence[_BOUND], evidence[_STEPS]
        added = (1.0 - _AT_START) * _SPREAD / ((steps + _SPREAD) * (steps + 1.0 + _SPREAD))
        if steps == 0.0:
            added += _AT_START
        gain = (bound - value) / (1.0 - bound)
        for place, stake in enumerate(_STAKES, _CAPITAL):
            evidence[place] = min((evidence[place] + added) * (1.0 + stake * gain), _RICH)
        evidence[_STEPS] = steps + 1.0

    def significant(self, evidence: Memory) -> bool:
        steps = evidence[_STEPS]
        unused = (1.0 - _AT_START) * _SPREAD / (steps + _SPREAD) if steps else 1.0
        return sum(evidence[_CAPITAL:]) / len(_STAKES) + unused >= evidence[_NEEDED]


def _log_wealth(mean: float, n: float, total: float, spread: float) -> float:
    """Log of the capital won by betting that the true mean lies above `mean`, averaged over the stakes."""
    gains = [rate * (total - n * mean) - cost * spread for rate, cost in zip(_RATES, _COSTS, strict=True)]
    most = max(gains)
    return most + math.log(sum(math.exp(gain - most) for gain in gains) / len(gains))
