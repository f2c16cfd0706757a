"""Selection of few-shot examples: time of one more candidate, value beside full greedy, and k-NN accuracy.

    python -m benchmarks.example_selection [--candidates 100000] [--questions FILE] [--rows FILE]

*value*: facility-location value of the incremental set, as a share of that of greedy selection from all candidates,
both on 5,000 of the questions that neither sampled for. *accuracy*: share of held-out questions whose most similar
example has the same intent, with 50 examples, on BANKING77 (`--questions`, JSON lines with `text` and `intent`; left
out where the file is absent). Baselines: 50 at random (mean of 20 draws), the 50 best rated, the 50 most similar to the
latest question. `per query` has every labelled question at hand: no fixed set can.
"""

import argparse
import json
import statistics
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.rows import Row, add_rows_option, write_rows
from proposer.domain.example_text import input_key
from proposer.domain.facility_location import benefits_of, coverage, equal_weights, gains, value_of
from proposer.domain.incremental_sets import IncrementalSet
from proposer.domain.pool_entries import PoolEntry, SetLimits
from proposer.domain.text_vectors import HashedNgrams, Matrix, Vector
from shared.events import derived_id

_START = datetime(2026, 1, 1, tzinfo=UTC)
_EXAMPLES = 50
_LATE = 2_000
_HELD_OUT = 5_000


def make_texts(count: int, rng: np.random.Generator) -> list[str]:
    """Return questions about 120 topics, some far more frequent than others, of words that each topic prefers."""
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    words = ["".join(rng.choice(letters, rng.integers(3, 9))) for _ in range(3_000)]
    topics = [rng.choice(3_000, 25, replace=False) for _ in range(120)]
    shares = 1.0 / np.arange(1, 121)
    asked = rng.choice(120, count, p=shares / shares.sum())
    return [" ".join(words[n] for n in rng.choice(topics[topic], rng.integers(5, 15))) + "?" for topic in asked]


def entry_of(number: int, text: str, vector: Vector, quality: float, user: str) -> PoolEntry:
    """Return the candidate of a thumb or rating of `user`."""
    return PoolEntry(
        derived_id("benchmark", str(number)), input_key(text), user, quality, True, False, True,
        len(text) // 4, _START + timedelta(seconds=number), vector,
    )  # fmt: skip


def greedy_value(vectors: Matrix, qualities: Sequence[float], asked: Matrix, count: int) -> tuple[float, list[int]]:
    """Return value and members of greedy selection from all candidates; lazy after the first pass (Minoux, 1978)."""
    weights = equal_weights(range(len(asked)))
    covered = coverage(np.zeros((0, 0), np.float32), (), len(asked))
    bounds = np.concatenate(
        [
            gains(benefits_of(vectors[n : n + 1_000], qualities[n : n + 1_000], asked), covered, weights)
            for n in range(0, len(vectors), 1_000)
        ]
    )
    members: list[int] = []
    while len(members) < count:
        best, best_gain = -1, -1.0
        for index in np.argsort(-bounds):
            if bounds[index] <= best_gain:
                break
            row = benefits_of(vectors[index : index + 1], [qualities[index]], asked)
            bounds[index] = gains(row, covered, weights)[0]
            if bounds[index] > best_gain:
                best, best_gain = int(index), float(bounds[index])
        covered = np.maximum(covered, benefits_of(vectors[best : best + 1], [qualities[best]], asked)[0])
        bounds[best] = -1.0
        members.append(best)
    return value_of(covered, weights), members


def measure_updates(count: int, seed: int) -> list[Row]:
    """Return the rows of time and value on generated questions."""
    rng = np.random.default_rng(seed)
    embedder = HashedNgrams()
    texts = make_texts(count + _LATE + _HELD_OUT, rng)
    started = time.perf_counter()
    vectors = embedder.embed(texts)
    embedded = (time.perf_counter() - started) / len(texts)
    qualities = rng.choice([0.875, 0.9, 1.0], count + _LATE).tolist()
    entries = [entry_of(n, texts[n], vectors[n], qualities[n], f"user-{n}") for n in range(count + _LATE)]
    example_set, times = IncrementalSet((), SetLimits()), []
    for entry in entries:
        started = time.perf_counter()
        example_set.add(entry)
        times.append(time.perf_counter() - started)
    times = times[count:]
    asked = vectors[count + _LATE :]
    full, _ = greedy_value(vectors[: count + _LATE], qualities, asked, len(example_set.members))
    members = example_set.members
    mine = benefits_of(np.stack([m.vector for m in members]), [m.quality for m in members], asked)
    share = value_of(coverage(mine, range(len(members)), len(asked)), equal_weights(range(len(asked)))) / full
    before = example_set.members
    for n in range(1_000):
        example_set.add(entry_of(10**9 + n, texts[n], vectors[n], 1.0, "user-0"))
    changed = sum(member not in before for member in example_set.members)
    name = f"few-shots: {count:,} candidates"
    return [
        Row(f"{name}, one more, median", "ms", statistics.median(times) * 1e3, "low", limit=1.0),
        Row(f"{name}, one more, p99", "ms", float(np.quantile(times, 0.99)) * 1e3, "low"),
        Row(f"{name}, one more, mean", "ms", statistics.fmean(times) * 1e3, "low"),
        Row("few-shots: embedding of a question", "ms", embedded * 1e3, "low"),
        Row(f"{name}, value beside full greedy", "%", share * 100, "high", limit=95.0),
        Row(f"{name}, examples changed by 1,000 thumbs of a user", "", changed, "low", limit=0),
    ]


def accuracy(chosen: Sequence[int], vectors: Matrix, labels: npt.NDArray[np.str_], held_out: Sequence[int]) -> float:
    """Return the share of held-out questions whose most similar example has their label, in percent."""
    nearest = (vectors[list(held_out)] @ vectors[list(chosen)].T).argmax(axis=1)
    return float((labels[list(chosen)][nearest] == labels[list(held_out)]).mean() * 100)


def measure_accuracy(path: Path, seed: int) -> list[Row]:
    """Return the rows of k-NN accuracy on labelled questions; none if the file is absent."""
    if not path.exists():
        print(f"{path} is absent: no accuracy")
        return []
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    rng = np.random.default_rng(seed)
    rng.shuffle(lines)
    labels = np.array([line["intent"] for line in lines])
    vectors = HashedNgrams().embed([line["text"] for line in lines])
    train, held_out = range(8_000), range(8_000, len(lines))
    ratings = rng.choice([0.875, 0.9, 0.95, 1.0], len(lines)).tolist()
    limits = SetLimits(max_examples=_EXAMPLES, max_tokens=10**9)
    entries = [entry_of(n, lines[n]["text"], vectors[n], ratings[n], f"user-{n}") for n in train]
    numbers = {entry.feedback_id: n for n, entry in enumerate(entries)}
    example_set = IncrementalSet((), limits)
    for entry in entries:
        example_set.add(entry)
    ours = accuracy([numbers[m.feedback_id] for m in example_set.members], vectors, labels, held_out)
    drawn = np.stack([rng.choice(len(train), _EXAMPLES, replace=False) for _ in range(20)])
    rated = sorted(train, key=lambda n: (-ratings[n], n))[:_EXAMPLES]
    similar = np.argsort(-(vectors[: len(train)] @ vectors[len(train) - 1]))[:_EXAMPLES]
    peers = {
        "random": statistics.fmean(accuracy(each, vectors, labels, held_out) for each in drawn.tolist()),
        "top-rated": accuracy(rated, vectors, labels, held_out),
        "query k-NN": accuracy(similar.tolist(), vectors, labels, held_out),
    }
    oracle = accuracy(train, vectors, labels, held_out)
    rows = [
        Row(f"few-shots: accuracy with {_EXAMPLES} examples, beside {peer}", "%", ours, "high", value, peer, None, 1.0)
        for peer, value in peers.items()
    ]
    return [*rows, Row("few-shots: accuracy per query, all 8,000 at hand", "%", oracle, "high")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candidates", type=int, default=100_000)
    parser.add_argument("--questions", type=Path, default=Path("../shared/data/banking77-train.jsonl"))
    parser.add_argument("--seed", type=int, default=1)
    add_rows_option(parser)
    options = parser.parse_args()
    rows = [*measure_accuracy(options.questions, options.seed), *measure_updates(options.candidates, options.seed)]
    for row in rows:
        beside = f" ({row.peer_name}: {row.peer:.4g})" if row.peer is not None else ""
        print(f"{row.work}: {row.ours:.4g} {row.unit}{beside}")
    write_rows(options.rows, rows)


if __name__ == "__main__":
    main()
