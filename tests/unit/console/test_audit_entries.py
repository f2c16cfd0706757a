"""Audit entries as sentences."""

from typing import Any

import pytest

from console.domain.audit_entries import describe_entry

_ID = "1525ea41-2ba8-5a1d-b220-1a9d6a6963eb"


def entry(kind: str, by: str = "ann", **facts: object) -> dict[str, Any]:
    chain = {"seq": 7, "hash": "ab", "previous": "aa", "schema": "ratchet.audit/1", "project": "acme"}
    return {**chain, "at": "2026-01-02T03:04:05Z", "kind": kind, "by": by, **facts}


@pytest.mark.parametrize(
    ("kind", "facts", "sentence", "href"),
    [
        ("loop.halted", {}, "halted promotions", None),
        ("proposal.opened", {"proposal_id": _ID, "name": "a b"}, "proposed a change of a b", f"/proposals/{_ID}"),
        ("proposal.withdrawn", {"proposal_id": _ID}, "withdrew a proposal", f"/proposals/{_ID}"),
        (
            "proposal.decided",
            {"proposal_id": _ID, "name": "answer", "verdict": "changes_requested"},
            "asked for changes of a proposal for answer",
            f"/proposals/{_ID}",
        ),
        (
            "proposal.evaluated",
            {"proposal_id": _ID, "name": "answer", "verdict": "inconclusive"},
            "evaluated a proposal for answer: inconclusive",
            f"/proposals/{_ID}",
        ),
        (
            "evaluation-rule.set",
            {"target": "bot", "rule": "advisory"},
            "chose for bot: evaluations are advisory before an approval",
            None,
        ),
        ("prompt.promoted", {"name": "a/b"}, "made a version of a/b live", "/prompts/a%2Fb"),
        ("prompt.rolled_back", {"name": "answer"}, "rolled answer back to an earlier version", "/prompts/answer"),
        ("grant.given", {"name": "answer"}, "gave a grant for examples in answer", "/few-shots"),
        (
            "dead-letter.replayed",
            {"topic": "prompt.live", "consumer": "proposer.prompts", "service": "proposer"},
            "replayed a dead letter of prompt.live to proposer.prompts",
            "/topics/dead-letters?service=proposer",
        ),
        (
            "operation.events_republished",
            {"service": "collector", "events": 0},
            "republished 0 events of the collector",
            "/topics",
        ),
        (
            "operation.consumer_resumed",
            {"service": "analyzer", "consumer": "analyzer.quality"},
            "resumed the paused consumer analyzer.quality",
            "/topics",
        ),
        ("metric.declared", {"metric": "score.\u202ex"}, "declared what the metric score.<U+202E>x means", "/quality"),
        ("metric.withdrawn", {"metric": "thumb"}, "withdrew the declaration of the metric thumb", "/quality"),
        ("key.issued", {"subject": "bot", "of": "service"}, "issued a key to bot", None),
        (
            "key.issued",
            {"subject": "ann", "of": "person", "scopes": "read tune"},
            "signed in: a key for read, tune",
            None,
        ),
        (
            "key.issued",
            {"subject": "ann", "of": "person", "scopes": "operate read"},
            "signed in: a key for the",
            None,
        ),
        ("link.made", {"subject": "eve\u202e"}, "made a sign-in link for eve<U+202E>", None),
        ("moon.landed_on", {}, "moon landed on", None),
        ("prompt.promoted", {}, "made a version of unknown live", None),
    ],
)
def test_each_kind_of_entry_is_one_sentence(kind: str, facts: dict[str, Any], sentence: str, href: str | None) -> None:
    found = describe_entry(entry(kind, **facts))
    assert found.sentence.startswith(sentence)
    assert found.href == href


def test_further_fields_are_kept() -> None:
    found = describe_entry(entry("loop.halted", revision=3, key_id="k"))
    assert dict(found.facts) == {"seq": "7", "hash": "ab", "previous": "aa", "revision": "3", "key id": "k"}
    assert (found.by, found.seq) == ("ann", 7)
