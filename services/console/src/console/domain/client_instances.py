"""Instances of apps, and the version of a prompt that each serves."""

from collections.abc import Iterable
from dataclasses import dataclass

from console.domain.json_object import JsonObject

_ORDER = {"refusing": 0, "stale": 1, "not reported": 2, "serving": 3}


@dataclass(frozen=True, slots=True)
class ClientInstance:
    """An instance that uses a prompt. `state`: serving, stale, refusing (with `refusal`), or not reported.

    An older client does not report: `sequence` is then what it was last sent, at `at`.
    """

    instance: str
    state: str
    sequence: int | None
    digest: str | None
    at: str
    refusal: str | None = None


@dataclass(frozen=True, slots=True)
class PromptDelivery:
    """How many of the reporting instances serve what is live of a prompt, and all instances, others first."""

    serving: int
    total: int
    instances: tuple[ClientInstance, ...]


def prompt_delivery(answer: JsonObject, name: str) -> PromptDelivery:
    """Return the instances of the prompt `name` in an answer of `GET /v1/instances`."""
    reported = [_reported(row) for row in _of_prompt(answer["items"], name)]
    others = [_unreported(row) for row in _of_prompt(answer["unreported"], name)]
    ordered = sorted((*reported, *others), key=lambda each: (_ORDER[each.state], each.instance))
    counts = next(iter(_of_prompt(answer["prompts"], name)), None)
    if counts is None:
        return PromptDelivery(0, len(reported), tuple(ordered))
    return PromptDelivery(counts["serving"], counts["instances"], tuple(ordered))


def _of_prompt(rows: Iterable[JsonObject], name: str) -> list[JsonObject]:
    return [row for row in rows if row["name"] == name]


def _reported(row: JsonObject) -> ClientInstance:
    state = row["state"] or "stale"  # it serves a version of a prompt that is not live any more
    return ClientInstance(row["instance"], state, row["sequence"], row["digest"], row["reported_at"], row["refusal"])


def _unreported(row: JsonObject) -> ClientInstance:
    return ClientInstance(row["instance"] or "unnamed", "not reported", row["sequence"], row["digest"], row["since"])
