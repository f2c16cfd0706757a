"""Tasks that a worker leased, and what became of them. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from ratchet.client.prompt_verification import Examples
from ratchet.prompt import Prompt, PromptError, example_set_digest, parse

MAX_RETURNED = 256 * 1024
"""Bytes of JSON that a function may return for one case."""
_MAX_MESSAGE = 500
_MAX_ID = 200

FailureKind = Literal["error", "crash", "timeout", "invalid"]
"""The function raised; its process ended; it did not answer in time; it returned what is no answer."""


class InvalidTask(ValueError):
    """A task of the server can't be run; the message says why."""


@dataclass(frozen=True)
class AskedCase:
    """What the app's function receives of a case; what is expected of its answer stays at the server.

    `contexts` are `{"id", "text"}`, or None if the app is to retrieve its own. `repeat` counts the calls for the
    same case and prompt from 0, for an app whose answers depend on a random seed.
    """

    id: str
    input: Any
    variables: Mapping[str, Any] = field(default_factory=dict)
    contexts: list[dict[str, str]] | None = None
    repeat: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON."""
        return {**vars(self), "variables": {**self.variables}}


class LeaseKey(NamedTuple):
    """A lease: the same task has another token each time it is leased."""

    task_id: str
    token: str


@dataclass(frozen=True, slots=True)
class WorkerTask:
    """One call of the app's function that was leased. `examples` are those of the prompt's slots."""

    key: LeaseKey
    name: str
    prompt: Prompt
    case: AskedCase
    examples: Examples = field(default_factory=dict)
    evaluation_id: str = ""
    arm: str = ""


@dataclass(frozen=True, slots=True)
class CallResult:
    """What the app's function returned, or how it failed. `ms`: duration of the call, None if unknown."""

    returned: Any = None
    failure: tuple[FailureKind, str] | None = None
    ms: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the fields of an answer."""
        timed = {} if self.ms is None else {"ms": self.ms}
        if self.failure is None:
            return {"returned": self.returned, **timed}
        kind, message = self.failure
        return {"failure": {"kind": kind, "message": message}, **timed}


def failed_call(kind: FailureKind, message: str, ms: float | None = None) -> CallResult:
    """Return the result of a call that failed; the message is cut at 500 characters."""
    return CallResult(failure=(kind, message[:_MAX_MESSAGE]), ms=ms)


def json_result(returned: object, ms: float) -> CallResult:
    """Return the result of a call that returned something; a failure if that is not valid JSON."""
    try:
        json.dumps(returned, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        return failed_call("invalid", f"the returned value is not valid JSON: {error}", ms)
    return CallResult(returned, ms=ms)


def bounded_result(result: CallResult) -> CallResult:
    """Return the result if the server accepts one of its size, else a failure."""
    if result.failure is None and len(json.dumps(result.returned)) > MAX_RETURNED:
        return failed_call("invalid", f"the returned value is longer than {MAX_RETURNED:,} bytes of JSON", result.ms)
    return result


def encode_answer(key: LeaseKey, result: CallResult) -> bytes:
    """Return the answer to a lease as JSON."""
    return json.dumps({**key._asdict(), **result.to_json()}, allow_nan=False).encode()


def lease_key(value: object) -> LeaseKey | None:
    """Return the key of a leased task; None if it is not a task."""
    if not isinstance(value, Mapping):
        return None
    task_id, token = value.get("task_id"), value.get("token")
    if not (isinstance(task_id, str) and isinstance(token, str) and 0 < len(task_id) <= _MAX_ID and token):
        return None
    return LeaseKey(task_id, token)


def parse_task(key: LeaseKey, value: Mapping[str, Any]) -> WorkerTask:
    """Return a leased task. Raises InvalidTask, also where the prompt is not the one of its digest."""
    try:
        sent = value["prompt"]
        prompt = parse(sent["document"])
        case = AskedCase(**value["case"], repeat=int(value.get("repeat") or 0))
        name, digest = str(sent["name"]), sent["digest"]
        examples = _slot_examples(sent.get("examples") or {}, prompt)
    except PromptError as error:
        raise InvalidTask(f"the worker can't read the prompt: {error}") from None
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise InvalidTask(f"the worker can't read the task: {type(error).__name__}: {error}") from None
    if prompt.digest != digest:
        raise InvalidTask(f"the prompt's document is not that of its digest {digest}")
    return WorkerTask(key, name, prompt, case, examples, str(value.get("evaluation_id")), str(value.get("arm")))


def _slot_examples(examples: Mapping[str, Any], prompt: Prompt) -> Examples:
    """Return the examples by slot. Raises ValueError where they are not the set that the prompt names."""
    for slot, members in examples.items():
        if slot not in prompt.slots or example_set_digest(members) != prompt.slots[slot].set:
            raise ValueError(f"the examples of the slot {slot} are not those that the prompt names")
    return {slot: tuple(dict(member) for member in members) for slot, members in examples.items()}
