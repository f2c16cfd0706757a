"""False alarms in very long quiet streams: `python -m benchmarks.detection.patience [--streams 150]`.

Prints how many streams had an alarm within 1,000, 10,000 and 100,000 values, after 1,000 values of history.
"""

import argparse
import random

from analyzer.domain.detection import Monitor, ValueKind
from tests.support.monitors import STATISTIC, Draw, beta, judge, share

HORIZONS = (1000, 10_000, 100_000)
QUIET: dict[str, tuple[ValueKind, Draw]] = {
    "scores": ("bounded", beta(0.8)),
    "judge": ("bounded", judge),
    "thumbs": ("binary", share(0.85)),
}


def first_alarm(kind: ValueKind, draw: Draw, rnd: random.Random) -> int | None:
    monitor = Monitor(kind, STATISTIC)
    for _ in range(1000):
        monitor.learn(draw(rnd))
    return next((at for at in range(1, HORIZONS[-1] + 1) if monitor.observe(draw(rnd))), None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=150)
    streams = parser.parse_args().streams
    for name, (kind, draw) in QUIET.items():
        found = [first_alarm(kind, draw, random.Random(f"{name}-{run}")) for run in range(streams)]
        alarms = [sum(at is not None and at <= horizon for at in found) for horizon in HORIZONS]
        print(name, *(f"{n} of {streams} within {at}" for n, at in zip(alarms, HORIZONS, strict=True)), sep="\t")


if __name__ == "__main__":
    main()
