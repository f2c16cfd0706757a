"""Payloads of `prompt.live`, signed and forged, with the answer of the Python client."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ratchet import signing
from ratchet.client.prompt_verification import LivePrompt, Trust, UntrustedPrompt, trusted_keys, verify_live_prompt
from ratchet.prompt import example_set_digest, parse

_KEYS = json.loads((Path(__file__).parents[1] / "vectors" / "prompt" / "signing.json").read_text("ascii"))
_OTHER = "HxwdHh8AAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRo"
_EXAMPLES = {"few": [{"input": "2+2?", "output": "4"}, {"input": "é", "output": "\U0001f600"}]}


def live_vectors() -> list[dict[str, Any]]:
    """Return each case with its payload, what is trusted, the payload served before, and the reason of a refusal."""
    return [_vector(name, payload, **more) for name, (payload, more) in _cases().items()]


def _cases() -> dict[str, tuple[Any, dict[str, Any]]]:
    good, later = _signed(), _signed(sequence=8)
    cases: dict[str, tuple[Any, dict[str, Any]]] = {
        "signed": (good, {}),
        "with a field of tomorrow": ({**good, "later": [1]}, {}),
        "of the pinned project and environment": (good, {"project": "acme", "environment": "production"}),
        "of another project": (good, {"project": "bank"}),
        "of another environment": (good, {"environment": "staging"}),
        "newer": (later, {"before": good}),
        "older": (good, {"before": later}),
        "repeated": (good, {"before": good}),
        "another content of the same sequence": (_signed(document=_document("Other.")), {"before": good}),
        "signed with another key": (_signed(private=_OTHER), {}),
        "another key's id": ({**good, "signature": {**good["signature"], "key_id": "0" * 16}}, {}),
        "altered signature": ({**good, "signature": {**good["signature"], "value": "A" * 86}}, {}),
        "no signature": ({name: value for name, value in good.items() if name != "signature"}, {}),
        "not an object": ([good], {}),
        "document of another digest": (_signed(digest="sha256:" + "0" * 64), {}),
        "invalid document": (_signed(document={"schema": "ratchet.prompt/1", "messages": []}), {}),
        "sequence that is a text": (_signed(sequence="7"), {}),
        "sequence that is no integer": (_signed(sequence=7.5), {}),
        "sequence that is true": (_signed(sequence=True), {}),
        "other examples, signed": (_signed(examples={"few": [{"input": "2+2?", "output": "5"}]}), {}),
        "no examples, signed": (_signed(examples={}), {}),
        "examples of an unknown slot, signed": (_signed(examples={**_EXAMPLES, "many": _EXAMPLES["few"]}), {}),
        "examples that the document does not name": (
            _signed(document=_document("Hi", named=False), examples=_EXAMPLES), {},
        ),
        "slot without examples": (_signed(document=_document("Hi", named=False), examples={}), {}),
        "slot with an empty list": (_signed(document=_document("Hi", named=False), examples={"few": []}), {}),
        "more examples than the slot allows": (_signed(document=_document("Hi", most=1)), {}),
    }  # fmt: skip
    for field in ("project", "environment", "name", "target", "digest", "sequence", "reason", "authorisation"):
        cases[f"altered {field}"] = ({**good, field: "other"}, {})
        cases[f"no {field}"] = ({name: value for name, value in good.items() if name != field}, {})
    cases |= _rollout_cases()
    cases["altered examples"] = ({**good, "examples": {"few": [{"input": "2+2?", "output": "5"}]}}, {})
    cases["altered document"] = ({**good, "document": _document("Other.")}, {})
    return cases


def _rollout_cases() -> dict[str, tuple[Any, dict[str, Any]]]:
    """Return payloads with the other arm of a rollout."""
    arms = {
        "rollout_id": "01990000-0000-7000-8000-000000000002", "plan_digest": "sha256:" + "1" * 64, "weight": 500,
        "salt": "8a1f", "unit": "user", "document": _document("Be kind."), "examples": _EXAMPLES,
        "digest": parse(_document("Be kind.")).digest,
    }  # fmt: skip
    good = _with_arms(arms)
    cases: dict[str, tuple[Any, dict[str, Any]]] = {
        "with a rollout": (good, {}),
        "without the rollout of its sequence": ({**good, "rollout": None}, {}),
        "a rollout that is null": ({**_signed(), "rollout": None}, {}),
        "a rollout that is not an object": ({**good, "rollout": [1]}, {}),
        "a rollout of another sequence": ({**_signed(sequence=8), "rollout": good["rollout"]}, {}),
        "another rollout of the same sequence": (_with_arms({**arms, "weight": 900}), {"before": good}),
        "a rollout of all buckets": (_with_arms({**arms, "weight": 10_000}), {}),
        "a rollout of an unknown unit": (_with_arms({**arms, "unit": "device"}), {}),
    }
    for field, value in {"weight": 501, "salt": "8a20", "unit": "session", "document": _document("Else.")}.items():
        cases[f"altered {field} of the rollout"] = ({**good, "rollout": {**good["rollout"], field: value}}, {})
    return cases


def _with_arms(arms: Mapping[str, Any]) -> dict[str, Any]:
    payload = {**_signed(), "rollout": dict(arms)}
    signature = signing.sign(_KEYS["private_key"], signing.arms_bytes(payload))
    payload["rollout"]["signature"] = {"key_id": _KEYS["key_id"], "value": signature}
    return payload


def _document(content: str, *, named: bool = True, most: int = 5) -> dict[str, Any]:
    slot = {"max": most, "set": example_set_digest(_EXAMPLES["few"]) if named else None}
    messages = [{"role": "system", "content": content}, {"slot": "few"}]
    return {"schema": "ratchet.prompt/1", "messages": messages, "slots": {"few": slot}}


def _signed(private: str = _KEYS["private_key"], **parts: Any) -> dict[str, Any]:
    document = parts.get("document", _document("Be brief."))
    payload = {
        "project": "acme", "environment": "production", "name": "answer", "target": "chat", "sequence": 7,
        "document": document, "examples": _EXAMPLES, "reason": "promoted",
        "authorisation": {"kind": "decision", "id": "01990000-0000-7000-8000-000000000001", "by": "ada"},
        **parts,
    }  # fmt: skip
    payload.setdefault("digest", parse(document).digest if document["messages"] else "sha256:" + "0" * 64)
    signature = signing.sign(private, signing.live_bytes(payload))
    return {**payload, "signature": {"key_id": _KEYS["key_id"], "value": signature}}


def _vector(name: str, payload: Any, before: Any = None, **scope: str) -> dict[str, Any]:
    trust = Trust(trusted_keys([_KEYS["public_key"]]), **scope)
    current = None if before is None else verify_live_prompt(before, trust, None)
    reason = _reason(payload, trust, current)
    vector: dict[str, Any] = {"name": name, "public_key": _KEYS["public_key"], "scope": scope, "payload": payload}
    return {**vector, "before": before, "reason": reason}


def _reason(payload: Mapping[str, Any], trust: Trust, current: LivePrompt | None) -> str | None:
    """Return why the payload is refused, without the details of malformed ones; None if it is served."""
    try:
        verify_live_prompt(payload, trust, current)
    except UntrustedPrompt as error:
        return str(error).partition(":")[0]
    return None
