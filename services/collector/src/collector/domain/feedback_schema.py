"""JSON schema of feedback beyond its fields: the type of `value` depends on `kind` (see `feedback_items.py`). Pure."""

from typing import Any

from shared.metric_catalog import IMPLICIT_KINDS, NEXT_STEPS

Schema = dict[str, Any]

TEXT_LIMIT = 20_000
"""Maximum characters of a comment or a correction."""
LABEL_LIMIT = 200
NUMBER_LIMIT = 1e12
"""Largest rating or score: sums of squares of such numbers are finite."""

_TEXT: Schema = {"type": "string", "pattern": r"[^\s\x00-\x1f\x7f-\x9f]", "maxLength": TEXT_LIMIT}
_NULL: Schema = {"type": "null"}
_OUTPUT: Schema = {
    "anyOf": [
        {**_TEXT, "maxLength": TEXT_LIMIT // 2},
        {"type": "object", "properties": {"execution_id": {"type": "string"}}, "required": ["execution_id"]},
        {"type": "object", "properties": {"text": _TEXT}, "required": ["text"], "additionalProperties": False},
        {"type": "array", "description": "Messages"},
    ]
}
_SAID: dict[str, Schema] = {
    "thumb": {"enum": [True, False, "up", "down"]},
    "rating": {"type": "number", "minimum": 1, "maximum": 5},
    "label": {**_TEXT, "maxLength": LABEL_LIMIT},
    "score": {"type": "number", "minimum": -NUMBER_LIMIT, "maximum": NUMBER_LIMIT},
    "preference": {
        "type": "object",
        "description": "Two different outputs; one that is left out is that of `execution_id`",
        "properties": {"chosen": _OUTPUT, "rejected": _OUTPUT},
        "additionalProperties": False,
        "minProperties": 1,
    },
    "comment": _TEXT,
    "correction": _TEXT,
}
"""Kind of explicit feedback → its value."""
_NO_JUDGE: Schema = {"properties": {"source": {"enum": ["explicit", "implicit", None]}, "evaluator": _NULL}}
_SHARE: Schema = {"type": "number", "minimum": 0, "maximum": 1}
_JUDGE: Schema = {
    "properties": {
        "source": {"const": "judge"},
        "kind": {"const": "score"},
        "value": _SHARE,
        "evaluator": {"type": "string"},
    },
    "required": ["source", "evaluator"],
}
_WITH_TEXT = ("comment", "correction")


def feedback_rules() -> Schema:
    """Return what the fields of a feedback must satisfy together."""
    kinds = [_said(kind, value) for kind, value in _SAID.items()] + [_done(kind) for kind in IMPLICIT_KINDS]
    about = [_about(field) for field in ("execution_id", "trace_id", "session")]
    return {"allOf": [{"anyOf": about}, {"anyOf": kinds}, {"anyOf": [_NO_JUDGE, _JUDGE]}]}


def _said(kind: str, value: Schema) -> Schema:
    comment = _NULL if kind in _WITH_TEXT else {"anyOf": [_TEXT, _NULL]}
    named = {"name": {"type": "string"}} if kind == "score" else {}
    properties = {"kind": {"const": kind}, "value": value, "comment": comment, **named}
    return {"properties": properties, "required": ["kind", "value", *named]}


def _done(kind: str) -> Schema:
    """Return the rule of what a user did: how long, or whether it happened, which is the default."""
    value: Schema = {"enum": [True, None] if kind in NEXT_STEPS else [True, False, None]}
    if kind == "dwell":
        value = {"type": "number", "minimum": 0, "maximum": NUMBER_LIMIT, "description": "Milliseconds"}
    properties = {"kind": {"const": kind}, "value": value, "comment": _NULL, "source": {"enum": ["implicit", None]}}
    return {"properties": properties, "required": ["kind", "value"] if kind == "dwell" else ["kind"]}


def _about(field: str) -> Schema:
    return {"properties": {field: {"type": ["string", "integer"]}}, "required": [field]}
