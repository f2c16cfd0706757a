"""Rows for training elsewhere: preference pairs and examples, of executions that pass every gate.

Executions, feedback and candidates are given as the server's API shows them.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

GateReason = Literal[
    "no consent to learning", "no text", "outcome is not ok", "personal data found", "judged by somebody else",
    "the other output is unknown", "both outputs are equal", "held out",
]  # fmt: skip
"""Why a row is left out. `held out`: a golden case asks nearly the same."""
Source = Literal["preference", "correction", "judged", "liked"]
Execution = Mapping[str, Any]
HoldOut = Callable[[str], bool]

GATES = (
    "the execution's user agreed to learning (consent.learning is true; unknown is no)",
    "whoever judged agreed, too: liked and corrected answers are few-shot candidates, preferences are the same user's",
    "no later objection to a liked or corrected answer",
    "feedback that a public key sent makes no preference pair",
    "input and output have text, and the outcome is ok or unknown",
    "nothing in the texts was scrubbed: what had personal data is left out as a whole",
    "no golden case of the held-out sets asks nearly the same",
)
_SCRUBBED = re.compile(r"\[(?:card|email|erased|iban|id|ip|number|phone|secret)\]")
"""What the collector writes instead of personal data, such as `[email]`."""


@dataclass(frozen=True, slots=True)
class TrainingRow:
    """A row of a file: `texts` are what is trained on, `origin` says where they come from."""

    source: Source
    texts: Mapping[str, str]
    origin: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        return {**self.texts, "source": self.source, "origin": {**self.origin}}


@dataclass(slots=True)
class TrainingData:
    """Rows, and how many were left out for each reason."""

    rows: list[TrainingRow] = field(default_factory=list)
    left_out: Counter[GateReason] = field(default_factory=Counter)
    _known: set[frozenset[tuple[str, str]]] = field(default_factory=set, repr=False)

    def add(self, row: TrainingRow, is_held_out: HoldOut) -> None:
        """Add a row whose executions passed their gates, unless its texts fail one, or it is known already."""
        texts = row.texts
        if not all(text.strip() for text in texts.values()):
            self.left_out["no text"] += 1
        elif any(_SCRUBBED.search(text) for text in texts.values()):
            self.left_out["personal data found"] += 1
        elif "chosen" in texts and texts["chosen"] == texts["rejected"]:
            self.left_out["both outputs are equal"] += 1
        elif is_held_out(texts["prompt"]):
            self.left_out["held out"] += 1
        elif (content := frozenset(texts.items())) not in self._known:
            self._known.add(content)
            self.rows.append(row)

    def count_sources(self) -> dict[str, int]:
        """Return the number of rows by source."""
        return dict(sorted(Counter(row.source for row in self.rows).items()))


def failed_gate(execution: Execution) -> GateReason | None:
    """Return the first gate that an execution fails, apart from those about texts; None if it passes."""
    if execution["consent"]["learning"] is not True:
        return "no consent to learning"
    if not execution.get("input") or not execution.get("output"):
        return "no text"
    return None if execution.get("outcome") in (None, "ok") else "outcome is not ok"


def collect_examples(
    candidates: Iterable[Mapping[str, Any]], target: str | None, is_held_out: HoldOut = lambda prompt: False
) -> TrainingData:
    """Return examples of liked and corrected answers. Candidates have both consents, and no objection."""
    data = TrainingData()
    for each in candidates:
        if target in (None, each["target"]):
            origin = {"execution_id": each["execution_id"], "feedback_id": each["feedback_id"]}
            data.add(TrainingRow("liked", {"prompt": each["input"], "completion": each["output"]}, origin), is_held_out)
    return data


def collect_pairs(
    executions: Iterable[Execution],
    candidates: Mapping[str, Mapping[str, Any]],
    judged: tuple[str, float] | None = None,
    is_held_out: HoldOut = lambda prompt: False,
) -> TrainingData:
    """Return preference pairs of executions with their feedback. `candidates` are by their feedback id.

    `judged` is a score, of which more is better, and by how much the outputs to one input must differ to make a pair.
    """
    data, passed = TrainingData(), dict[str, Execution]()
    for execution in executions:
        failed = failed_gate(execution)
        if failed is None:
            passed[execution["id"]] = execution
        else:
            data.left_out[failed] += 1
    for execution in passed.values():
        for found in _compared(execution, passed, candidates):
            if isinstance(found, TrainingRow):
                data.add(found, is_held_out)
            else:
                data.left_out[found] += 1
    for row in _judged(passed.values(), *judged) if judged else ():
        data.add(row, is_held_out)
    return data


def _compared(
    execution: Execution, passed: Mapping[str, Execution], candidates: Mapping[str, Mapping[str, Any]]
) -> Iterator[TrainingRow | GateReason]:
    """Yield the pairs that people made of an execution, or why not."""
    for each in execution["feedback"]:
        if each["replaced"] or each["mixed"] or each["about"] != "execution" or each["source"] != "explicit":
            continue
        origin = {"execution_id": execution["id"], "feedback_id": each["id"]}
        if each["kind"] == "correction":
            candidate = candidates.get(each["id"])
            if candidate is None:
                yield "judged by somebody else"
            else:
                yield _pair("correction", execution, candidate["output"], execution["output"], origin)
        elif each["kind"] == "preference" and each["preference"] is not None:
            yield _preferred(execution, each, passed, origin)


def _preferred(
    execution: Execution, feedback: Mapping[str, Any], passed: Mapping[str, Execution], origin: Mapping[str, str]
) -> TrainingRow | GateReason:
    if feedback["user"] is None or feedback["user"] != execution["user"] or feedback["key_scope"] != "ingest":
        return "judged by somebody else"
    chosen, rejected = (_output(feedback["preference"][side], execution, passed) for side in ("chosen", "rejected"))
    if chosen is None or rejected is None:
        return "the other output is unknown"
    return _pair("preference", execution, chosen, rejected, origin)


def _output(compared: Mapping[str, Any], execution: Execution, passed: Mapping[str, Execution]) -> str | None:
    """Return the text of a compared output; None if it is that of an execution that failed a gate."""
    if compared.get("text"):
        return str(compared["text"])
    other = compared.get("execution_id")
    found = execution if other in (None, execution["id"]) else passed.get(other)
    return None if found is None else str(found["output"])


def _judged(executions: Iterable[Execution], score: str, gap: float) -> Iterator[TrainingRow]:
    """Yield the best and the worst output to each input, if their scores differ by at least `gap`."""
    groups: dict[str, list[Execution]] = defaultdict(list)
    for execution in executions:
        if score in execution["scores"]:
            groups[" ".join(execution["input"].casefold().split())].append(execution)
    for group in groups.values():
        best, worst = (pick(group, key=lambda it: (it["scores"][score], it["id"])) for pick in (max, min))
        if best["scores"][score] - worst["scores"][score] >= gap:
            origin = {"execution_id": best["id"], "rejected_execution_id": worst["id"], "score": score}
            yield _pair("judged", best, best["output"], worst["output"], origin)


def _pair(source: Source, execution: Execution, chosen: str, rejected: str, origin: Mapping[str, str]) -> TrainingRow:
    return TrainingRow(source, {"prompt": execution["input"], "chosen": chosen, "rejected": rejected}, origin)
