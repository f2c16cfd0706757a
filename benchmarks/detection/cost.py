"""Cost of a value and size of the state: `python -m benchmarks.detection.cost`.

Processor time of a value, and size of the saved state as JSON, while a stream grows to a hundred times its length.
"""

import json
import random
import time
from collections.abc import Callable

from analyzer.domain.detection import DetectionSettings, Monitor, ValueKind

LENGTHS = (10_000, 100_000, 1_000_000)
FALLEN = 3000


def _falling(rnd: random.Random, at: int) -> float:
    """Draw values that are 10 points worse from value 3,000 on; the drop is in the state until it is outside the scan's
    window.
    """
    return rnd.betavariate(8.0, 2.0) if at < FALLEN else rnd.betavariate(7.0, 3.0)


STREAMS: dict[str, tuple[ValueKind, float | None, Callable[[random.Random, int], float]]] = {
    "scores": ("bounded", None, lambda rnd, at: rnd.betavariate(8.0, 2.0)),
    "scores that fell": ("bounded", None, _falling),
    "thumbs": ("binary", None, lambda rnd, at: float(rnd.random() < 0.85)),
    "latency": ("positive", None, lambda rnd, at: rnd.lognormvariate(6.7, 0.8)),
    "rare events": ("rare", 0.001, lambda rnd, at: float(rnd.random() < 0.001)),
}


def main() -> None:
    print("stream\tvalues\tµs a value\tbytes of state")
    for name, (kind, agreed, draw) in STREAMS.items():
        rnd, monitor, fed = random.Random(name), Monitor(kind, DetectionSettings(), agreed=agreed), 0
        for length in LENGTHS:
            values = [draw(rnd, at) for at in range(fed, length)]
            began = time.process_time()
            for value in values:
                monitor.observe(value)
            spent, fed = time.process_time() - began, length
            state = len(json.dumps(monitor.dump(), separators=(",", ":")))
            print(name, length, f"{1e6 * spent / len(values):.2f}", state, sep="\t", flush=True)


if __name__ == "__main__":
    main()
