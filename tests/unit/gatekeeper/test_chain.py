"""The hash chain: any alteration of any row, any hole and any cut shows."""

import json
from dataclasses import replace
from hashlib import sha256
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gatekeeper.audit.chain import START, Anchor, ChainCheck, Entry
from gatekeeper.keys.signer import Signer
from ratchet.signing import new_private_key

SIGNER = Signer(new_private_key())


def chain(length: int) -> list[Entry]:
    entries: list[Entry] = []
    for seq in range(1, length + 1):
        previous = entries[-1].hash if entries else START
        text = json.dumps({"seq": seq, "kind": "k", "previous": previous})
        entries.append(Entry(seq, "k", text, previous, sha256(text.encode()).hexdigest()))
    return entries


def anchor(entry: Entry, signer: Signer = SIGNER) -> Anchor:
    return Anchor(entry.seq, entry.hash, signer.head("p", entry.seq, entry.hash).value)


def checked(
    entries: list[Entry], head: tuple[int, str] | None, anchors: list[Anchor], known: tuple[int, str] | None = None
) -> list[str]:
    check = ChainCheck()
    for entry in entries:
        check.take(entry)
    check.end(head, anchors, lambda a: SIGNER.signed_head("p", a.seq, a.hash, a.signature))
    if known:
        check.expect(*known)
    return check.found


def test_an_empty_chain_is_whole() -> None:
    assert checked([], None, []) == []


@given(st.integers(1, 12))
def test_a_true_chain_is_whole(length: int) -> None:
    entries = chain(length)
    end = entries[-1]
    assert checked(entries, (end.seq, end.hash), [anchor(end)], (1, entries[0].hash)) == []


@given(st.integers(2, 12), st.data())
def test_every_alteration_shows(length: int, data: st.DataObject) -> None:
    entries = chain(length)
    end, place = entries[-1], data.draw(st.integers(0, length - 1))
    field = data.draw(st.sampled_from(["kind", "entry", "previous", "hash"]))
    changed: dict[str, Any] = {field: "0" * 63 + "x"}
    entries[place] = replace(entries[place], **changed)
    assert checked(entries, (end.seq, end.hash), [anchor(end)])


@given(st.integers(2, 12), st.data())
def test_every_hole_and_every_cut_shows(length: int, data: st.DataObject) -> None:
    entries = chain(length)
    end = entries[-1]
    gone = data.draw(st.integers(0, length - 1))
    assert checked(entries[:gone] + entries[gone + 1 :], (end.seq, end.hash), [anchor(end)])


def test_a_cut_with_a_new_head_lacks_its_signature() -> None:
    entries = chain(5)[:3]
    assert checked(entries, (3, entries[-1].hash), []) == ["the end at 3 is not signed"]


def test_a_chain_made_anew_lacks_our_signature() -> None:
    entries = chain(3)
    stranger = Signer(new_private_key())
    assert checked(entries, (3, entries[-1].hash), [anchor(entries[-1], stranger)])


def test_a_head_written_down_tells_a_rewind() -> None:
    entries = chain(5)
    assert checked(entries[:3], (3, entries[2].hash), [anchor(entries[2])]) == []
    known = (5, entries[4].hash)
    assert checked(entries[:3], (3, entries[2].hash), [anchor(entries[2])], known) == [
        "entry 5 is not the one that was written down"
    ]


def test_the_number_of_faults_told_is_bounded() -> None:
    assert len(checked([replace(entry, hash="x") for entry in chain(100)], None, [])) == 20
