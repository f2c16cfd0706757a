"""Each act of the audit as a sentence (pure): who did what, about what, and where to look at it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from console.domain.formatting import words
from ratchet.sanitize import visible

Item = Mapping[str, Any]

KINDS = (
    "proposal",
    "prompt",
    "grant",
    "example",
    "observed",
    "loop",
    "dead-letter",
    "operation",
    "metric",
    "key",
    "link",
)
"""What acts are about: the part of their kind before its dot."""

_VERDICTS = {"approved": "approved", "rejected": "rejected", "changes_requested": "asked for changes of"}
_SAID = {
    "loop.halted": "halted the loop",
    "loop.resumed": "resumed the loop",
    "proposal.opened": "proposed a change of {name}",
    "proposal.withdrawn": "withdrew a proposal",
    "proposal.decided": "{verdict} a proposal for {name}",
    "prompt.promoted": "made a version of {name} live",
    "prompt.rolled_back": "went back to a former version of {name}",
    "prompt.example_revoked": "took examples out of what is live of {name}",
    "grant.given": "gave a grant for examples in {name}",
    "grant.revoked": "revoked a grant",
    "example.revoked": "took an example back",
    "prompt.archived": "archived the prompt {name}: it left the lists, and is served as before",
    "observed.reviewed": "looked at a version of {name} that went live around Ratchet",
    "dead-letter.replayed": "replayed a dead letter of {topic} to {consumer}",
    "dead-letter.discarded": "discarded a dead letter of {topic} to {consumer}",
    "operation.events_republished": "sent {events} events of the {service} again",
    "operation.consumer_resumed": "resumed the paused consumer {consumer}",
    "metric.declared": "declared what the metric {metric} means",
    "metric.withdrawn": "withdrew the declaration of the metric {metric}",
    "key.issued": "issued a key to {subject}",
    "key.revoked": "ended a key of {subject}",
    "link.made": "made a sign-in link for {subject}",
}
_NAMED = ("name", "topic", "consumer", "subject", "service", "events", "metric")
_READING = frozenset({"read", "operate"})
"""What the console's own key of a session may be for; the key that decides is another."""
_ALREADY_SAID = frozenset({"at", "by", "kind", "schema", "project"})


@dataclass(frozen=True, slots=True)
class AuditSentence:
    """`said` goes after the name of who did it; `href` leads to what it is about, where there is a page for that."""

    seq: int
    at: str
    by: str
    said: str
    href: str | None
    facts: tuple[tuple[str, str], ...]


def describe_entry(entry: Item) -> AuditSentence:
    """One entry as people read it; an unknown kind is told by its own name."""
    facts = tuple(
        (words(name), str(value))
        for name, value in sorted(entry.items())
        if name not in _ALREADY_SAID and value is not None
    )
    return AuditSentence(entry["seq"], entry["at"], str(entry["by"]), _said(entry), _href(entry), facts)


def _said(entry: Item) -> str:
    if entry["kind"] == "key.issued" and entry.get("of") == "person" and entry.get("subject") == entry["by"]:
        scopes = str(entry.get("scopes") or "unknown").split()
        if _READING.issuperset(scopes):
            return "signed in: a key by which the console shows pages"
        return f"signed in: a key for {visible(', '.join(scopes))}"
    told = {name: visible(str(entry.get(name, "unknown"))) for name in _NAMED}
    verdict = _VERDICTS.get(str(entry.get("verdict")), "decided about")
    return _SAID.get(entry["kind"], words(str(entry["kind"]).replace(".", " "))).format(**told, verdict=verdict)


def _href(entry: Item) -> str | None:
    about = str(entry["kind"]).partition(".")[0]
    if entry.get("proposal_id"):
        return f"/proposals/{quote(str(entry['proposal_id']), safe='')}"
    if about in ("prompt", "observed") and entry.get("name"):
        return f"/prompts/{quote(str(entry['name']), safe='')}"
    if about == "dead-letter" and entry.get("service"):
        return f"/topics/dead-letters?service={quote(str(entry['service']), safe='')}"
    return {"grant": "/few-shots", "example": "/few-shots", "operation": "/topics", "metric": "/quality"}.get(about)
