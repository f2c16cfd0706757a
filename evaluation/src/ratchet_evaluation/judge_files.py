"""Files of judges, and of answers that people labelled."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ratchet_evaluation.domain.case_fields import CaseError, json_value, known_fields, sequence, text
from ratchet_evaluation.domain.judges.definition import JudgeDefinition, parse_judge
from ratchet_evaluation.domain.judges.judged_text import JudgedText, as_text
from ratchet_evaluation.endpoints.model_endpoint import ModelEndpoint

_FIELDS = ("input", "output", "contexts", "reference", "people", "cluster")


class JudgeFileError(ValueError):
    """A file can't be used; the message names file, line and field."""


@dataclass(frozen=True, slots=True)
class LabelledText:
    """An answer, and what people say of it: from 0 (bad) to 1 (good). Answers of one `cluster` are dependent."""

    judged: JudgedText
    people: float
    cluster: str


def read_judges(paths: Sequence[Path], endpoint: ModelEndpoint) -> tuple[JudgeDefinition, ...]:
    """Return the judges of JSON files. Raises JudgeFileError."""
    found: list[JudgeDefinition] = []
    for path in paths:
        try:
            value = json.loads(path.read_text("utf-8"))
            judge = parse_judge(value, endpoint.model, endpoint.embedding_model)
        except (OSError, ValueError, RecursionError) as error:
            raise JudgeFileError(f"{path}: {error}") from None
        if judge.name in {each.name for each in found}:
            raise JudgeFileError(f"{path}: name: two judges are called {judge.name}")
        found.append(judge)
    return tuple(found)


def read_labels(path: Path) -> tuple[LabelledText, ...]:
    """Return the labelled answers of a file of JSON lines. Raises JudgeFileError."""
    found = []
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise JudgeFileError(f"{path}: {error}") from None
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                found.append(_labelled(json.loads(line), str(number)))
            except (ValueError, RecursionError) as error:
                raise JudgeFileError(f"{path}, line {number}: {error}") from None
    return tuple(found)


def _labelled(value: object, number: str) -> LabelledText:
    fields: Mapping[str, object] = known_fields(value, _FIELDS)
    people = fields.get("people")
    if isinstance(people, bool):
        people = float(people)
    if not isinstance(people, int | float) or not 0.0 <= people <= 1.0:
        raise CaseError("people", "must be a number from 0 to 1")
    contexts = fields.get("contexts")
    given = (
        None
        if contexts is None
        else tuple(text(each, f"contexts[{i}]") for i, each in enumerate(sequence(contexts, "contexts")))
    )
    reference = fields.get("reference")
    judged = JudgedText(
        as_text(json_value(fields.get("input"), "input")),
        as_text(json_value(fields.get("output"), "output")),
        given,
        None if reference is None else text(reference, "reference"),
    )
    return LabelledText(judged, float(people), str(fields.get("cluster", number)))
