"""Vectors of what the clients in Python and JavaScript must agree on, computed by the Python client.

`python -m tests.support.client_vectors` writes `tests/vectors/client`, and `tests/unit/sdk/test_client_vectors.py`
compares.
"""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ratchet.client import recorded_items
from ratchet.client.amendment import without
from ratchet.client.batches import Batch, Delivered, Outcome, Retry
from ratchet.client.bodies import feedback_id
from ratchet.client.next_steps import Answer, input_print, next_step
from ratchet.client.recorded_items import RecordedItem
from ratchet.client.transport import outcome
from ratchet.client.user_sessions import OpenAnswers
from ratchet.client.variables import convert_variables
from ratchet.prompt import PromptError, parse, prompt_name, render
from ratchet.prompt.buckets import bucket_of
from ratchet.prompt.canonical import canonical_bytes, digest_of, normal
from tests.support import client_vector_inputs as inputs
from tests.support.live_vectors import live_vectors

FOLDER = Path(__file__).parents[1] / "vectors" / "client"
_NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def client_vectors() -> dict[str, Any]:
    """Return the content of each file by its name."""
    return {
        "canonical.json": [_canonical(text) for text in inputs.JSON_TEXTS],
        "names.json": [_name(name) for name in inputs.NAMES],
        "executions.json": [_execution(fields) for fields in inputs.EXECUTIONS],
        "feedback.json": [_feedback(fields) for fields in inputs.FEEDBACK],
        "feedback_ids.json": [{"own": own, "id": feedback_id(own, str)} for own in inputs.FEEDBACK_IDS],
        "variables.json": [_variable(kind, value) for kind, values in inputs.VARIABLES.items() for value in values],
        "amendments.json": [_amendment(*case) for case in inputs.AMENDMENTS],
        "outcomes.json": [_outcome(*case) for case in inputs.RESPONSES],
        "live.json": live_vectors(),
        "next_steps.json": [_next_step(*case) for case in inputs.NEXT_STEPS],
        "sessions.json": [_session(calls) for calls in inputs.SESSIONS],
        "buckets.json": [_buckets(salt, prefix) for salt in ("8a1f", "é") for prefix in ("user-", "\U0001f600")],
    }


def _buckets(salt: str, prefix: str) -> dict[str, Any]:
    """Return the first buckets of 10,000 units, and the digest of all of them."""
    found = [bucket_of(salt, f"{prefix}{number}") for number in range(10_000)]
    digest = digest_of(",".join(map(str, found)).encode())
    return {"salt": salt, "prefix": prefix, "first": found[:20], "digest": digest}


def _canonical(text: str) -> dict[str, Any]:
    try:
        canonical = canonical_bytes(normal(json.loads(text), "value"))
    except PromptError as error:
        return {"json": text, "field": error.field}
    return {"json": text, "canonical": canonical.decode(), "digest": digest_of(canonical)}


def _name(name: Any) -> dict[str, Any]:
    try:
        return {"name": name, "normal": prompt_name(name)}
    except PromptError:
        return {"name": name, "normal": None}


def _execution(fields: Mapping[str, Any]) -> dict[str, Any]:
    given = {"target": "bot", "prompts": [], **fields}
    optional = {name: value for name, value in given.items() if name not in ("target", "prompts")}
    return _body_vector(
        fields, lambda: recorded_items.execution("e1", given["target"], given["prompts"], optional, _NOW)
    )


def _feedback(fields: Mapping[str, Any]) -> dict[str, Any]:
    about = {name: fields.get(name) for name in ("execution_id", "trace_id", "session")}
    optional = {name: value for name, value in fields.items() if name not in (*about, "kind", "value")}
    kind, value = fields["kind"], fields.get("value")
    return _body_vector(fields, lambda: recorded_items.feedback("f1", about, kind, value, optional, _NOW))


def _body_vector(fields: Mapping[str, Any], make: Callable[[], recorded_items.UnencodedItem]) -> dict[str, Any]:
    """Return the body without its time, whose form differs, and the names of the fields that were left out."""
    try:
        item = make().encode()
    except ValueError:
        return {"fields": fields, "body": None}
    body = json.loads(item.encoded)
    del body["occurred_at"]
    return {"fields": fields, "body": body, "dropped": sorted(item.dropped)}


def _variable(kind: str, value: Any) -> dict[str, Any]:
    message = {"type": "placeholder", "name": "x"} if kind == "messages" else {"role": "user", "content": "{{x}}"}
    prompt = parse({"schema": "ratchet.prompt/2", "messages": [message], "variables": {"x": {"type": kind}}})
    try:
        messages = render(prompt, convert_variables(prompt, {"x": value}))
    except PromptError as error:
        return {"type": kind, "value": value, "field": error.field}
    return {"type": kind, "value": value, "messages": messages}


def _amendment(route: recorded_items.Route, body: Mapping[str, Any], fields: list[str]) -> dict[str, Any]:
    found = without(RecordedItem(route, "i", recorded_items.encode(body)), fields)
    return {"route": route, "body": body, "fields": fields, "without": found and json.loads(found.encoded)}


def _outcome(status: int, headers: Mapping[str, str], answer: Any, items: int = 2) -> dict[str, Any]:
    body = json.dumps(answer) if not isinstance(answer, str) else answer
    item = RecordedItem("executions", "i", b'{"id":"i","target":"bot","cost":-1,"consent":{"learning":true}}')
    found = outcome(Batch("executions", "k", (item,) * items, b""), status, headers, body.encode())
    return {"status": status, "headers": headers, "body": body, "items": items, "outcome": _outcome_json(found)}


def _outcome_json(found: Outcome) -> dict[str, Any]:
    if isinstance(found, Delivered):
        amended = [[index, json.loads(item.encoded)] for index, item in found.amended]
        refused = [list(each) for each in found.refused]
        counts = {"duplicates": found.duplicates, "repeat": list(found.repeat)}
        return {"kind": "delivered", **counts, "refused": refused, "amended": amended}
    if isinstance(found, Retry):
        return {"kind": "retry", "after": found.after, "misconfigured": found.misconfigured}
    return {"kind": "split"}


def _next_step(before: Any, following: Any, seconds: float, retried: bool = False) -> dict[str, Any]:
    step = next_step(Answer("e", input_print(before), retried=retried), input_print(following), seconds)
    return {"before": before, "following": following, "seconds": seconds, "retried": retried, "step": step}


def _session(calls: list[dict[str, Any]]) -> dict[str, Any]:
    """Return which steps of which executions are known after each call; one without an input ends the session."""
    at = 0.0
    answers = OpenAnswers(lambda: at)
    derived = []
    for number, call in enumerate(calls):
        at = call["at"]
        answer = Answer(call.get("id", f"e{number}"), input_print(call.get("input")))
        found = answers.add(call["session"], answer) if "input" in call else answers.end(call["session"])
        derived.append([[each.execution_id, step] for each, step in found])
    return {"calls": calls, "derived": derived}


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, content in client_vectors().items():
        (FOLDER / name).write_text(written(content), "ascii")


def written(content: Any) -> str:
    """Return the text of a file: ASCII JSON, one line for each vector."""
    lines = [json.dumps(vector, ensure_ascii=True) for vector in content]
    return "[\n" + ",\n".join(lines) + "\n]\n"


if __name__ == "__main__":
    main()
