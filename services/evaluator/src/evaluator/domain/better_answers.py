"""A better answer of an annotator as a golden case that is proposed for a dataset."""

from collections.abc import Mapping, Sequence
from typing import Any

from evaluator.domain.annotation_queues import AnnotationTask
from evaluator.domain.rubric import Answers, RubricError, RubricQuestion

_DEFAULT_EVALUATOR = {"name": "similarity", "threshold": 0.7}


def choose_better_answer(
    rubric: Sequence[RubricQuestion], annotations: Sequence[Answers], question: str, number: int | None
) -> str:
    """Return the better answer to propose.

    `number` is the position of its annotation, from 0; it may be None if all better answers are the same. Raises
    RubricError.
    """
    if question not in {it.name for it in rubric if it.kind == "better_answer"}:
        raise RubricError("question", "must be a question of the kind better_answer")
    found = {i: str(answers[question]) for i, answers in enumerate(annotations) if question in answers}
    if not found:
        raise RubricError("question", "has no better answer for this task")
    if number is None and len(set(found.values())) > 1:
        raise RubricError("annotation", f"is missing: there are different better answers, {', '.join(map(str, found))}")
    chosen = next(iter(found)) if number is None else number
    if chosen not in found:
        raise RubricError("annotation", "has no better answer")
    return found[chosen]


def better_answer_case(
    task: AnnotationTask, queue: str, better: str, evaluators: Sequence[object] | None
) -> Mapping[str, Any]:
    """Return the case as it is sent to a dataset: the better answer is its reference."""
    content = task.content
    contexts = [{"id": it.get("id") or f"context-{i}", "text": it["text"]} for i, it in enumerate(content.contexts, 1)]
    origin = f"annotation:{queue}/{task.id}" if content.execution_id is None else f"execution:{content.execution_id}"
    return {
        "id": f"annotation-{task.id}",
        "input": content.input,
        "contexts": contexts or None,
        "reference": better,
        "evaluators": [_DEFAULT_EVALUATOR] if evaluators is None else list(evaluators),
        "origin": origin[:200],
        "consent": content.consent,
    }
