"""Annotation queues, their questions and what people answered, as pages show them. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from console.domain.json_object import JsonObject

_MOST_CHOICES = 11
"""A score with more values is written, not chosen."""
_MOST_TEXT = 200_000
"""Characters of an input or output that the evaluator takes."""
_THUMBS = (("true", "Yes, up"), ("false", "No, down"))


@dataclass(frozen=True, slots=True)
class Choice:
    """An answer to choose: what is sent, and what is shown."""

    value: str
    label: str

    def is_given(self, answer: object) -> bool:
        """Return whether this is what a person answered."""
        if isinstance(answer, bool):
            return self.value == str(answer).lower()
        if isinstance(answer, int | float):
            return float(self.value) == answer
        return self.value == answer


@dataclass(frozen=True, slots=True)
class QuestionField:
    """A question with its choices; none for texts and long scales. `type` says how the form reads a choice."""

    item: JsonObject
    choices: tuple[Choice, ...]
    type: str
    scale: str


@dataclass(frozen=True, slots=True)
class GivenText:
    """A text of the annotation with this position."""

    number: int
    text: str


@dataclass(frozen=True, slots=True)
class GivenAnswers:
    """What people answered to one question. `counts`: how often each rating; `outcome`: what came of them."""

    name: str
    title: str
    is_better: bool
    disputed: bool
    counts: tuple[tuple[str, int], ...]
    texts: tuple[GivenText, ...]
    outcome: str | None


@dataclass(frozen=True, slots=True)
class TaskRow:
    """A task with its answers, and the questions that an expert has to decide."""

    item: JsonObject
    answers: tuple[GivenAnswers, ...]
    disputed: tuple[QuestionField, ...]


@dataclass(frozen=True, slots=True)
class QueueRow:
    """A queue in the list. `done` of `total` tasks have all their annotations."""

    item: JsonObject
    total: int
    done: int
    shown_agreement: tuple[JsonObject, ...]


def queue_row(item: JsonObject) -> QueueRow:
    """Return the row of an item of `GET /v1/annotation-queues`."""
    total = total_tasks(item)
    return QueueRow(item, total, total - int(item["tasks"]["open"]), add_question_titles(item, item["agreement"]))


def total_tasks(queue: Mapping[str, Any]) -> int:
    """Return the number of tasks in all states."""
    return sum(queue["tasks"].values())


def add_question_titles(queue: Mapping[str, Any], found: Iterable[JsonObject]) -> tuple[JsonObject, ...]:
    """Return results with the title and the metric of their question."""
    questions = {question["name"]: question for question in queue["rubric"]}
    return tuple(
        {**each, "title": questions[each["question"]]["title"], "metric": questions[each["question"]]["metric"]}
        for each in found
    )


def question_fields(rubric: Sequence[JsonObject]) -> tuple[QuestionField, ...]:
    """Return the questions of a rubric."""
    return tuple(_field(question) for question in rubric)


def task_row(item: JsonObject, rubric: Sequence[JsonObject]) -> TaskRow:
    """Return the row of an item of `GET /v1/annotation-queues/{name}/tasks`."""
    given = [_given(question, item) for question in rubric]
    disputed = [question for question in rubric if question["name"] in item["disputed"]]
    return TaskRow(item, tuple(each for each in given if each.counts or each.texts), question_fields(disputed))


def task_bodies(executions: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return executions as tasks of a queue; those whose output is not stored, or too long, are left out.

    What a list shows of an execution has no contexts and no consent; they are added where they are known.
    """
    found = []
    for it in executions:
        output, asked = it.get("output"), it.get("input")
        if not output or len(output) > _MOST_TEXT or len(asked or "") > _MOST_TEXT:
            continue
        consent = it.get("consent")
        if consent is not None and consent.get("quality") is False:
            continue
        contexts = [
            {"id": context.get("id"), "text": context["text"]}
            for context in it.get("contexts") or ()
            if context.get("text") is not None
        ]
        about = {"execution_id": it["id"], "input": asked, "output": output, "contexts": contexts[:100]}
        found.append({**about, "consent": consent})
    return found


def _field(question: JsonObject) -> QuestionField:
    kind = question["kind"]
    if kind == "thumb":
        return QuestionField(question, tuple(Choice(*each) for each in _THUMBS), "flag", "")
    if kind == "label":
        return QuestionField(question, tuple(Choice(it["name"], it["name"]) for it in question["labels"]), "text", "")
    if kind != "score":
        return QuestionField(question, (), "text", "")
    scale = f"{question['low']:g} is the lowest, {question['high']:g} the highest"
    steps = round((question["high"] - question["low"]) / question["step"])
    values = [question["low"] + question["step"] * i for i in range(steps + 1)] if steps < _MOST_CHOICES else []
    return QuestionField(question, tuple(Choice(f"{it:g}", f"{it:g}") for it in values), "number", scale)


def _given(question: JsonObject, item: JsonObject) -> GivenAnswers:
    name = question["name"]
    answers = [(number, given[name]) for number, given in enumerate(item["answers"]) if name in given]
    is_text = question["kind"] in ("comment", "better_answer")
    counts = Counter(_shown(answer) for _, answer in answers)
    outcome = item["outcome"].get(name)
    return GivenAnswers(
        name,
        question["title"],
        question["kind"] == "better_answer",
        name in item["disputed"],
        () if is_text else tuple(sorted(counts.items())),
        tuple(GivenText(number, answer) for number, answer in answers) if is_text else (),
        None if outcome is None else _shown(outcome),
    )


def _shown(answer: Any) -> str:
    if isinstance(answer, bool):
        return "up" if answer else "down"
    return answer if isinstance(answer, str) else f"{answer:.3g}"
