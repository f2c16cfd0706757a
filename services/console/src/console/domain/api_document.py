"""One OpenAPI document of the whole API, from those of the services (pure)."""

from collections.abc import Mapping
from typing import Any

Document = dict[str, Any]

_DESCRIPTION = """\
All routes of Ratchet, behind one address. Send an API key as `Authorization: Bearer rk_…`; the pages of the console use
the session of who is signed in. A key belongs to one project and environment, and a request reads and changes only
those.

- **Problems** (RFC 9457): a refused or failed request is answered with `application/problem+json`. Its `code` is one of
  those that the operation lists; `errors` names the fields. Repeat a request that was answered with 500 or above, or
  with 429 after `Retry-After` seconds.
- **Lists** have `items` and `next`: send `next` as `cursor`, with the same filters, to get the next page.
- **Unknown fields and parameters are errors** (422), so that no mistake is ignored. JSON must be I-JSON (RFC 7493): no
  duplicate keys, no NUL, no integers beyond 64 bits, at most 32 levels.
- **Rate limits**: `RateLimit` and `RateLimit-Policy` tell the rest of each quota.
- **Repeats**: executions and feedback have ids of their own, or an `Idempotency-Key`; a repeat is stored once.
"""
_TAGS = {
    "executions": "LLM calls: record, complete, search, export; traces",
    "feedback": "What users and evaluators say about executions",
    "pulls": "What the collector reads from other systems",
    "metrics": "Definitions of metrics, and the number of their values",
    "quality": "Measured quality over time, and regressions",
    "erasures": "Erase a user everywhere, and see the progress",
    "few-shots": "Candidates of few-shot examples, and drafts of fixes",
    "drafts": "Instruction drafts: their candidates, results and costs",
    "prompts": "Prompts, their versions, archive and rollback",
    "delivery": "Live prompts for apps",
    "proposals": "Proposed changes and decisions about them",
    "datasets": "Golden sets, and the cases that may enter them",
    "annotation": "Queues of answers that people judge, and how well they agree",
    "evaluations": "Compare two documents of a prompt on a golden set",
    "judges": "Language models that score answers, their agreement with people, and what is judged online",
    "rollouts": "Gradual rollouts of approved candidates",
    "evaluation rules": "Which proposals must be evaluated before they are approved",
    "grants": "Standing authorisations, and the revocation of examples",
    "loop": "The kill switch",
    "audit": "The audit log and its verification",
    "keys": "API keys and signing keys",
    "people": "People, sign-in links and sessions",
    "operations": "Topics, dead letters and consumers of each service",
}


def merge_documents(documents: Mapping[str, Document]) -> Document:
    """Return the document of all services. `documents`: service → its document.

    Components of the same name are one if they are equal; else those of later services get the service as a suffix.
    """
    paths: Document = {}
    components: dict[str, dict[str, Any]] = {}
    for service, document in documents.items():
        renamed = _with_own_names(service, document, components)
        for path, operations in renamed["paths"].items():
            paths.setdefault(path, {}).update(operations)
        for kind, found in renamed.get("components", {}).items():
            components.setdefault(kind, {}).update(found)
    used = {tag for operations in paths.values() for operation in operations.values() for tag in operation["tags"]}
    return {
        "openapi": next(iter(documents.values()))["openapi"],
        "info": {
            "title": "Ratchet",
            "version": next(iter(documents.values()))["info"]["version"],
            "description": _DESCRIPTION,
            "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
        },
        "tags": [{"name": name, "description": text} for name, text in _TAGS.items() if name in used],
        "paths": dict(sorted(paths.items())),
        "components": components,
    }


def _with_own_names(service: str, document: Document, taken: Mapping[str, Mapping[str, Any]]) -> Document:
    """Return the document, where schemas that differ from a taken one of the same name have another name."""
    schemas: Document = document.get("components", {}).get("schemas", {})
    others = taken.get("schemas", {})
    names = {name: f"{name}_{service}" for name, schema in schemas.items() if others.get(name, schema) != schema}
    if not names:
        return document
    references = {f"#/components/schemas/{name}": f"#/components/schemas/{new}" for name, new in names.items()}
    renamed: Document = _replace(document, references)
    own = renamed["components"]["schemas"]
    renamed["components"]["schemas"] = {names.get(name, name): schema for name, schema in own.items()}
    return renamed


def _replace(value: Any, references: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {
            name: references.get(each, each) if name == "$ref" else _replace(each, references)
            for name, each in value.items()
        }
    return [_replace(each, references) for each in value] if isinstance(value, list) else value
