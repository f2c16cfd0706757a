"""Additional families: quiet streams of other kinds, and other kinds of drops.

Each builds a stream for a numpy random generator, as the benchmark does: x, tau (None: quiet), null, seg, meta.
"""

from collections.abc import Callable, Mapping
from typing import Any

Stream = dict[str, Any]
Build = Callable[[Any, Any], Stream]
BASE, WATCHED = 1000, 10_000


def _quiet(draw: Callable[[Any, Any, int], Any], kind: str = "bounded", base: int = BASE, **meta: Any) -> Build:
    def build(np: Any, rng: Any) -> Stream:
        given = {"kind": kind, "dir": "up" if kind == "positive" else "down", "base": base, **meta}
        return {"x": draw(np, rng, base + WATCHED), "tau": None, "null": True, "seg": None, "meta": given}

    return build


def _beta(np: Any, rng: Any, mean: Any, concentration: float, n: int) -> Any:
    return rng.beta(mean * concentration, (1.0 - mean) * concentration, n)


def _correlated(phi: float) -> Callable[[Any, Any, int], Any]:
    def draw(np: Any, rng: Any, n: int) -> Any:
        steps, z = rng.normal(0.0, (1.0 - phi * phi) ** 0.5, n), rng.normal(size=n)
        for at in range(1, n):
            z[at] = phi * z[at - 1] + steps[at]
        return np.clip(0.8 + 0.12 * z, 0.0, 1.0)

    return draw


def _season(period: int, height: float) -> Callable[[Any, Any, int], Any]:
    def draw(np: Any, rng: Any, n: int) -> Any:
        turn = 2.0 * np.pi * (np.arange(n) / period + rng.random())
        return _beta(np, rng, 0.8 + height * np.sin(turn), 10.0, n)

    return draw


def _bursts(np: Any, rng: Any, n: int) -> Any:
    x = _beta(np, rng, 0.8, 10.0, n)
    for start in rng.integers(0, n - 10, n // 500):
        x[start : start + 8] = 0.0
    return x


def _spreads(np: Any, rng: Any, n: int) -> Any:
    """Draw values whose variance changes every 500 values, with a constant mean."""
    return np.concatenate([_beta(np, rng, 0.8, rng.choice([4.0, 8.0, 16.0]), 500) for _ in range(n // 500 + 1)])[:n]


def _rising(np: Any, rng: Any, n: int) -> Any:
    return _beta(np, rng, 0.7 + 0.15 * np.arange(n) / n, 10.0, n)


def _share(p: float) -> Callable[[Any, Any, int], Any]:
    return lambda np, rng, n: (rng.random(n) < p) * 1.0


def _near_one(np: Any, rng: Any, n: int) -> Any:
    return _beta(np, rng, 0.97, 20.0, n)


def _mostly_one(np: Any, rng: Any, n: int) -> Any:
    """Draw values that are perfect to 98 %, otherwise uniform."""
    return np.where(rng.random(n) < 0.98, 1.0, rng.random(n))


def _student(np: Any, rng: Any, n: int) -> Any:
    """Draw latencies whose logarithm has Student's t distribution with 2 degrees of freedom: infinite variance."""
    return np.exp(6.0 + 0.5 * np.clip(rng.standard_t(2, n), -20.0, 20.0))


def _beta_iid(np: Any, rng: Any, n: int) -> Any:
    return _beta(np, rng, 0.8, 10.0, n)


QUIET: Mapping[str, Build] = {
    "near 1": _quiet(_near_one),
    "98 % perfect": _quiet(_mostly_one),
    "thumbs 97 %": _quiet(_share(0.97), "binary"),
    "thumbs 99.7 %": _quiet(_share(0.997), "binary"),
    "thumbs 50 %": _quiet(_share(0.5), "binary"),
    "heavier tails": _quiet(_student, "positive"),
    "short bursts": _quiet(_bursts),
    "variance changes": _quiet(_spreads),
    "rising trend": _quiet(_rising),
    "AR(1) 0.3": _quiet(_correlated(0.3)),
    "AR(1) 0.8": _quiet(_correlated(0.8)),
    "season of 200": _quiet(_season(200, 0.05)),
    "season of 600": _quiet(_season(600, 0.03)),
    "season of 3,000": _quiet(_season(3000, 0.03)),
    "250 values of past, scores": _quiet(_beta_iid, base=250),
    "250 values of past, thumbs": _quiet(_share(0.85), "binary", base=250),
    "250 values of past, AR(1) 0.5": _quiet(_correlated(0.5), base=250),
    "switch, 200 values before, scores": _quiet(_beta_iid, base=200, switch=200),
    "switch, 200 values before, thumbs": _quiet(_share(0.85), "binary", base=200, switch=200),
    "switch, AR(1) 0.5": _quiet(_correlated(0.5), switch=BASE),
    "switch, thumbs 97 %": _quiet(_share(0.97), "binary", switch=BASE),
}
