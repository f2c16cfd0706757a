"""The hash chain: alterations, gaps and truncations of any row are detected."""

import json
import random
from collections import Counter
from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha256
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gatekeeper.domain.audit_chain_verification import START, Anchor, AuditEntry, ChainCheck
from gatekeeper.domain.signer import Signer
from ratchet.signing import new_private_key
from tests.support.soak import scaled

SIGNER = Signer(new_private_key())


def chain(length: int) -> list[AuditEntry]:
    entries: list[AuditEntry] = []
    for seq in range(1, length + 1):
        previous = entries[-1].hash if entries else START
        text = json.dumps({"seq": seq, "kind": "k", "previous": previous})
        entries.append(AuditEntry(seq, "k", text, previous, sha256(text.encode()).hexdigest()))
    return entries


def anchor(entry: AuditEntry, signer: Signer = SIGNER) -> Anchor:
    return Anchor(entry.seq, entry.hash, signer.sign_head("p", entry.seq, entry.hash).value)


@cache
def signed(anchor: Anchor) -> bool:
    return SIGNER.verify_head("p", anchor.seq, anchor.hash, anchor.signature)


def checked(
    entries: list[AuditEntry], head: tuple[int, str] | None, anchors: list[Anchor], known: tuple[int, str] | None = None
) -> list[str]:
    check = ChainCheck(signed, expected=known)
    by_seq = {anchor.seq: anchor for anchor in anchors}
    for start in range(0, len(entries), 4):
        rows = [(entry, by_seq.pop(entry.seq, None)) for entry in entries[start : start + 4]]
        check.add((entry, a.hash if a else None, a.signature if a else None) for entry, a in rows)
    check.finish(head, by_seq)
    return check.faults


def test_empty_chain_is_intact() -> None:
    assert checked([], None, []) == []


@given(st.integers(1, 12))
def test_unaltered_chain_is_intact(length: int) -> None:
    entries = chain(length)
    end = entries[-1]
    assert checked(entries, (end.seq, end.hash), [anchor(end)], (1, entries[0].hash)) == []


@given(st.integers(2, 12), st.data())
def test_every_alteration_is_detected(length: int, data: st.DataObject) -> None:
    entries = chain(length)
    end, position = entries[-1], data.draw(st.integers(0, length - 1))
    field = data.draw(st.sampled_from(["kind", "entry", "previous", "hash"]))
    changed: dict[str, Any] = {field: "0" * 63 + "x"}
    entries[position] = replace(entries[position], **changed)
    assert checked(entries, (end.seq, end.hash), [anchor(end)])


@given(st.integers(2, 12), st.data())
def test_every_gap_and_truncation_is_detected(length: int, data: st.DataObject) -> None:
    entries = chain(length)
    end = entries[-1]
    gone = data.draw(st.integers(0, length - 1))
    assert checked(entries[:gone] + entries[gone + 1 :], (end.seq, end.hash), [anchor(end)])


def test_truncated_chain_lacks_a_signed_head() -> None:
    entries = chain(5)[:3]
    assert checked(entries, (3, entries[-1].hash), []) == ["the end at 3 is not signed"]


def test_recomputed_chain_lacks_our_signature() -> None:
    entries = chain(3)
    stranger = Signer(new_private_key())
    assert checked(entries, (3, entries[-1].hash), [anchor(entries[-1], stranger)])


def test_a_noted_head_reveals_a_rewind() -> None:
    entries = chain(5)
    assert checked(entries[:3], (3, entries[2].hash), [anchor(entries[2])]) == []
    known = (5, entries[4].hash)
    assert checked(entries[:3], (3, entries[2].hash), [anchor(entries[2])], known) == [
        "entry 5 does not have the given hash"
    ]


def test_the_number_of_faults_is_bounded() -> None:
    assert len(checked([replace(entry, hash="x") for entry in chain(100)], None, [])) == 20


@dataclass
class Tables:
    """The stored parts of a chain, to be tampered with."""

    entries: list[AuditEntry]
    anchors: list[Anchor]
    head: tuple[int, str] | None


def intact(length: int) -> Tables:
    entries = chain(length)
    return Tables(entries, [anchor(entry) for entry in entries[::3] + entries[-1:]], (length, entries[-1].hash))


def rehashed(entries: list[AuditEntry], position: int) -> None:
    """Recompute the chain from `position` on, as an attacker who knows its construction would."""
    for at in range(position, len(entries)):
        previous = entries[at - 1].hash if at else START
        content = {**json.loads(entries[at].entry), "seq": at + 1, "previous": previous}
        entry = json.dumps(content)
        entries[at] = AuditEntry(at + 1, entries[at].kind, entry, previous, sha256(entry.encode()).hexdigest())


def tamper(tables: Tables, rnd: random.Random) -> str:
    """Tamper with the chain at random; return a description."""
    entries, length = tables.entries, len(tables.entries)
    at, other = rnd.randrange(length), rnd.randrange(length)
    kind = rnd.choice(["edit", "edit", "delete", "swap", "cut", "copy", "rechain", "cut with head", "rewind", "forge"])
    match kind:
        case "edit":
            field = rnd.choice(["seq", "kind", "entry", "previous", "hash"])
            value: Any = entries[at].seq + rnd.choice([-1, 1, 10**9]) if field == "seq" else "x"
            if field in ("entry", "previous", "hash"):
                text = str(getattr(entries[at], field))
                where = rnd.randrange(len(text))
                value = text[:where] + chr((ord(text[where]) + rnd.randrange(1, 90)) % 126 + 1) + text[where + 1 :]
            entries[at] = replace(entries[at], **{field: value})
        case "delete":
            del entries[at]
        case "swap":
            other = other if other != at else (at + 1) % length
            entries[at], entries[other] = entries[other], entries[at]
        case "cut":
            del entries[max(1, at) :]
        case "copy":
            entries.insert(other, entries[at])
        case "rechain":
            del entries[min(at, length - 2)]
            rehashed(entries, min(at, length - 2))
            tables.head = (len(entries), entries[-1].hash)
        case "cut with head":
            del entries[min(max(2, at), length - 1) :]
            tables.head = (entries[-1].seq, entries[-1].hash)
        case "rewind":  # everything including anchors is reset to a signed state: detectable only with a noted head
            cut = rnd.choice([a.seq for a in tables.anchors if a.seq < length])
            del entries[cut:]
            tables.anchors = [a for a in tables.anchors if a.seq <= cut]
            tables.head = (cut, entries[-1].hash)
        case "forge":
            entries[at] = replace(entries[at], entry=json.dumps({**json.loads(entries[at].entry), "by": "eve"}))
            rehashed(entries, at)
            tables.head = (length, entries[-1].hash)
            forged = [replace(a, hash=entries[a.seq - 1].hash) for a in tables.anchors]
            tables.anchors = [a if a.seq <= at else fake for a, fake in zip(tables.anchors, forged, strict=True)]
    return kind


def test_random_tamperings_are_detected() -> None:
    """Edits, deletions, reorderings, truncations, and chains recomputed with access to everything but our signature."""
    rnd, kinds, rounds = random.Random(6), Counter[str](), scaled(10_000, 10_000, unit=1_500)
    originals = {length: intact(length) for length in (4, 7, 13)}
    for round_ in range(rounds):
        original = originals[rnd.choice([4, 7, 13])]
        tables = Tables([*original.entries], [*original.anchors], original.head)
        kind = tamper(tables, rnd)
        if (tables.entries, tables.anchors, tables.head) == (original.entries, original.anchors, original.head):
            continue
        kinds[kind] += 1
        known = original.head  # as an auditor notes it
        assert checked(tables.entries, tables.head, tables.anchors, known), f"round {round_}: {kind}"
        if kind != "rewind":
            assert checked(tables.entries, tables.head, tables.anchors), f"round {round_}: {kind}, without a known head"
    assert sum(kinds.values()) > 0.99 * rounds, kinds
    assert min(kinds.values()) > 0.05 * rounds, kinds
