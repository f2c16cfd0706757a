"""Decides which tasks that someone sends are added to an annotation queue, and in which order."""

from collections.abc import Sequence, Set
from dataclasses import dataclass

from evaluator.domain.annotation_queues import NewTask, TaskContent
from ratchet.prompt import Json
from ratchet.prompt.canonical import canonical_bytes, digest_of


@dataclass(frozen=True, slots=True)
class TaskAddition:
    """Tasks to add in their order; `repeated` counts those that the queue has already, or that were sent twice."""

    tasks: tuple[NewTask, ...]
    repeated: int


def identify_tasks(contents: Sequence[TaskContent]) -> list[NewTask]:
    """Return tasks with what identifies them: the execution, or the content of those without one."""
    return [NewTask(_digest(content), content) for content in contents]


def select_new_tasks(sent: Sequence[NewTask], known: Set[str]) -> TaskAddition:
    """Return the tasks that a queue without `known` gets.

    They are ordered by their digests, so that the order says nothing of the version or the time of an answer.
    """
    new = {task.digest: task for task in reversed(sent) if task.digest not in known}  # of two the first one stays
    return TaskAddition(tuple(new[digest] for digest in sorted(new)), len(sent) - len(new))


def _digest(content: TaskContent) -> str:
    if content.execution_id is not None:
        return digest_of(canonical_bytes({"execution_id": content.execution_id}))
    shown: dict[str, Json] = {
        "input": content.input,
        "output": content.output,
        "contexts": [{**it} for it in content.contexts],
    }
    return digest_of(canonical_bytes(shown))
