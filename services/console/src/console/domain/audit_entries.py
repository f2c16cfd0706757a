"""Audit entries as sentences, with a link to the page of the changed object."""

from dataclasses import dataclass
from urllib.parse import quote

from console.domain.display import words
from console.domain.json_object import JsonObject
from ratchet.sanitize import visible

KINDS = (
    "proposal",
    "prompt",
    "grant",
    "example",
    "evaluation-rule",
    "observed",
    "loop",
    "dead-letter",
    "operation",
    "metric",
    "key",
    "link",
)
"""The subjects of entries: the part of their kind before the dot."""

_VERDICTS = {
    "approved": "approved",
    "rejected": "rejected",
    "changes_requested": "asked for changes of",
    "pass": "pass",
    "fail": "fail",
    "inconclusive": "inconclusive",
}
_SENTENCES = {
    "loop.halted": "halted promotions",
    "loop.resumed": "resumed promotions",
    "proposal.opened": "proposed a change of {name}",
    "proposal.evaluated": "evaluated a proposal for {name}: {verdict}",
    "evaluation-rule.set": "chose for {target}: evaluations are {rule} before an approval",
    "proposal.withdrawn": "withdrew a proposal",
    "proposal.decided": "{verdict} a proposal for {name}",
    "prompt.promoted": "made a version of {name} live",
    "prompt.rolled_back": "rolled {name} back to an earlier version",
    "prompt.example_revoked": "removed revoked examples from the live version of {name}",
    "grant.given": "gave a grant for examples in {name}",
    "grant.revoked": "revoked a grant",
    "example.revoked": "revoked an example",
    "prompt.archived": "archived the prompt {name}: it is not listed any more, and still served",
    "observed.reviewed": "reviewed a version of {name} that was not served by Ratchet",
    "dead-letter.replayed": "replayed a dead letter of {topic} to {consumer}",
    "dead-letter.discarded": "discarded a dead letter of {topic} to {consumer}",
    "operation.events_republished": "republished {events} events of the {service}",
    "operation.consumer_resumed": "resumed the paused consumer {consumer}",
    "metric.declared": "declared what the metric {metric} means",
    "metric.withdrawn": "withdrew the declaration of the metric {metric}",
    "key.issued": "issued a key to {subject}",
    "key.revoked": "revoked a key of {subject}",
    "link.made": "made a sign-in link for {subject}",
}
_FIELDS = ("name", "topic", "consumer", "subject", "service", "events", "metric", "target", "rule")
_READING_SCOPES = frozenset({"read", "operate"})
"""The scopes of a session's reading key, which the console uses."""
_SHOWN_ELSEWHERE = frozenset({"at", "by", "kind", "schema", "project"})


@dataclass(frozen=True, slots=True)
class AuditSentence:
    """`sentence` follows the name of `by`; `href` is the page of the changed object, if there is one."""

    seq: int
    at: str
    by: str
    sentence: str
    href: str | None
    facts: tuple[tuple[str, str], ...]


def describe_entry(entry: JsonObject) -> AuditSentence:
    """Return an entry as a sentence; an unknown kind is shown by its name."""
    facts = tuple(
        (words(name), str(value))
        for name, value in sorted(entry.items())
        if name not in _SHOWN_ELSEWHERE and value is not None
    )
    return AuditSentence(entry["seq"], entry["at"], str(entry["by"]), _sentence(entry), _href(entry), facts)


def _sentence(entry: JsonObject) -> str:
    if entry["kind"] == "key.issued" and entry.get("of") == "person" and entry.get("subject") == entry["by"]:
        scopes = str(entry.get("scopes") or "unknown").split()
        if _READING_SCOPES.issuperset(scopes):
            return "signed in: a key for the console to read"
        return f"signed in: a key for {visible(', '.join(scopes))}"
    values = {name: visible(str(entry.get(name, "unknown"))) for name in _FIELDS}
    verdict = _VERDICTS.get(str(entry.get("verdict")), "decided about")
    return _SENTENCES.get(entry["kind"], words(str(entry["kind"]).replace(".", " "))).format(**values, verdict=verdict)


def _href(entry: JsonObject) -> str | None:
    about = str(entry["kind"]).partition(".")[0]
    if entry.get("proposal_id"):
        return f"/proposals/{quote(str(entry['proposal_id']), safe='')}"
    if about in ("prompt", "observed") and entry.get("name"):
        return f"/prompts/{quote(str(entry['name']), safe='')}"
    if about == "dead-letter" and entry.get("service"):
        return f"/topics/dead-letters?service={quote(str(entry['service']), safe='')}"
    return {"grant": "/few-shots", "example": "/few-shots", "operation": "/topics", "metric": "/quality"}.get(about)
