"""Cost of a value in the analyzer, and size of its state, as history, targets and segments grow.

    python -m benchmarks.growth [--values 100000] [--json]

This runs in one process without a database, but like the service: for each 1,000 executions (each with a score and a
text) the state that they touch is read from JSON, updated, and written to JSON again. Figures are of the last 10,000
values before each mark, or of all if there are fewer: processor time, and the bytes of all state.

Then executions with outcome, latency, cost and two scores: the time to analyse 10,000 of them.
"""

import argparse
import json
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from pydantic_core import from_json

from analyzer.domain.column_fold import fold_columns
from analyzer.domain.dimension_history import DimensionHistory
from analyzer.domain.engine import QualityEngine
from analyzer.domain.model import Dimension, PromptMetric, Reading, StreamKey
from analyzer.domain.streams.stream import Stream
from analyzer.domain.value_columns import to_columns
from analyzer.domain.watch_rules import Rules
from analyzer.handlers import readings
from benchmarks.rows import Row, add_rows_option, write_rows
from shared.events.feedback import ExecutionRecorded
from shared.runtime.garbage import tune_garbage_collection
from tests.support.quality import facts, recorded

BATCH = 1000
_LATEST = 10
_VOCABULARY = 3000
_WORDS = 30
Size = tuple[int, float, int]
"""Size, microseconds per value, bytes of state."""


@dataclass(slots=True)
class Service:
    """The service without its database: state as JSON, by key."""

    rules: Rules = field(default_factory=Rules)
    streams: dict[StreamKey, str] = field(default_factory=dict)
    histories: dict[Dimension, str] = field(default_factory=dict)

    def process(self, events: Sequence[ExecutionRecorded]) -> int:
        """Process a batch. Return the number of values in it."""
        found = [each for event in events for each in readings(event) if isinstance(each, Reading)]
        engine = QualityEngine(self.rules)
        engine.preload(self._streams(found), (), self._histories(found))
        fold_columns(engine, to_columns(found, self.rules))
        engine.pending_measurements()
        self.streams |= {key: stream.dump() for key, stream in engine.changed.items()}
        self.histories |= {dimension: history.dump() for dimension, history in engine.changed_histories.items()}
        return len(found)

    def _streams(self, found: Sequence[Reading]) -> Iterator[Stream]:
        touched = {
            StreamKey(PromptMetric(reading.dimension, use.prompt), use.identity): reading.metric
            for reading in found
            for use in reading.uses
        }
        for key, metric in touched.items():
            if key in self.streams:
                watching = self.rules.watching(key.prompt_metric.dimension, metric)
                yield Stream.load(key, watching, from_json(self.streams[key]))

    def _histories(self, found: Sequence[Reading]) -> Iterator[DimensionHistory]:
        for dimension in {each.dimension for each in found}:
            if dimension in self.histories:
                yield DimensionHistory.load(dimension, from_json(self.histories[dimension]))

    @property
    def bytes(self) -> int:
        return sum(map(len, (*self.streams.values(), *self.histories.values())))


def texts(rnd: random.Random, length: int) -> Iterator[str]:
    """Yield an endless sequence of texts of `length` words, some frequent and most rare (Zipf, 1949)."""
    words = ["".join(rnd.choices("abcdefghijklmnop", k=rnd.randint(3, 9))) for _ in range(_VOCABULARY)]
    ranks = [1.0 / (rank + 1) for rank in range(_VOCABULARY)]
    while True:
        yield " ".join(rnd.choices(words, ranks, k=length))


def executions(targets: int, segments: int, **fields: Callable[[random.Random], Any]) -> Iterator[ExecutionRecorded]:
    """Yield an endless sequence of executions, each of a random target and segment, with random words as input."""
    rnd = random.Random(7)
    for number, text in enumerate(texts(rnd, _WORDS)):
        levels = {"route": f"r{rnd.randrange(segments)}", "language": rnd.choice(("en", "de", "fr"))}
        outcome = "ok" if fields else None
        given_facts = facts(number, input=text, attributes=levels, outcome=outcome, user=f"u{rnd.randrange(500)}")
        given: dict[str, Any] = {"latency_ms": None, "scores": {"quality": rnd.betavariate(6, 2)}}
        given |= {name: draw(rnd) for name, draw in fields.items()}
        yield recorded(number, target=f"bot-{rnd.randrange(targets)}", facts=given_facts, **given)


def cost(events: Iterator[ExecutionRecorded], marks: Sequence[int]) -> list[Size]:
    """Return the figures at each of these numbers of values."""
    service, spent, found = Service(), [], []
    for values in range(BATCH, marks[-1] + 1, BATCH):
        batch = list(islice(events, BATCH))
        begun = time.process_time()
        service.process(batch)
        spent.append(time.process_time() - begun)
        if values in marks:
            latest = spent[-_LATEST:]
            found.append((values, 1e6 * sum(latest) / (len(latest) * BATCH), service.bytes))
    return found


def measure_full_executions(events: int) -> dict[str, float]:
    """Measure executions with all measurable fields."""
    drawn = {
        "latency_ms": lambda rnd: rnd.lognormvariate(6, 0.5),
        "cost": lambda rnd: rnd.lognormvariate(-6, 0.5),
        "scores": lambda rnd: {"quality": rnd.betavariate(6, 2), "tone": rnd.betavariate(8, 2)},
    }
    batch, service = list(islice(executions(4, 3, **drawn), events)), Service()
    begun = time.process_time()
    values = sum(service.process(batch[start : start + BATCH]) for start in range(0, events, BATCH))
    return {"executions": events, "values": values, "seconds": time.process_time() - begun}


def measure(values: int) -> dict[str, Any]:
    marks = [mark for mark in (1_000, 3_000, 10_000, 30_000, 100_000, 300_000) if mark <= values]
    last = [max(BATCH, values // 5 // BATCH * BATCH)]
    return {
        "history": cost(executions(1, 3), marks),
        "targets": [(n, *cost(executions(n, 3), last)[0][1:]) for n in (1, 16, 256)],
        "segments": [(n, *cost(executions(1, n), last)[0][1:]) for n in (1, 16, 1000)],
        "many": measure_full_executions(values // 10),
    }


def table_rows(found: dict[str, Any]) -> list[Row]:
    """Return the processor time of a value in the longest history, and with the most targets and segments."""
    rows = []
    for what in ("history", "targets", "segments"):
        (_, first, _), (size, each, _) = found[what][0], found[what][-1]
        work = f"growth: a value, {what} of {size:,}"
        rows.append(
            Row(work, "µs", each, "low", first, f"{what} of {found[what][0][0]:,}", item="value", process_s=each / 1e6)
        )
    full = found["many"]
    rows.append(Row(f"growth: analyse {full['executions']:,} executions", "s", full["seconds"], "low",
                    item="execution", process_s=full["seconds"] / full["executions"]))  # fmt: skip
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--values", type=int, default=100_000)
    parser.add_argument("--json", action="store_true")
    add_rows_option(parser)
    arguments = parser.parse_args()
    tune_garbage_collection()  # as the service does
    found = measure(arguments.values)
    write_rows(arguments.rows, table_rows(found))
    if arguments.json:
        print(json.dumps(found, indent=1))
        return
    for what in ("history", "targets", "segments"):
        print(f"\n{what:>10}  µs a value   kB of state")
        for size, each, kept in found[what]:
            print(f"{size:>10,}{each:>12.1f}{kept / 1000:>14.1f}")
    full = found["many"]
    print(f"\n{full['executions']:,} executions, {full['values']:,} values: analysed in {full['seconds']:.1f} s")


if __name__ == "__main__":
    main()
