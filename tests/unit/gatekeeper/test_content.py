"""Digests equal those of `ratchet.prompt`; exactly the revoked examples are removed."""

from hypothesis import given
from hypothesis import strategies as st

from gatekeeper.domain.content import example_content, set_content, version_content, without_revoked_examples
from ratchet.prompt import example_digest, example_set_digest, parse, with_slot
from tests.support.prompts import TEXTS, documents, minimal

SLOTTED = parse(
    minimal(messages=[{"slot": "shots"}, {"slot": "more"}], slots={"shots": {"max": 5}, "more": {"max": 5}})
)


@given(documents())
def test_a_version_has_its_digest(document: dict[str, object]) -> None:
    prompt = parse(document)
    assert version_content(prompt).digest == prompt.digest


@given(st.lists(st.tuples(TEXTS, TEXTS), max_size=5))
def test_examples_and_sets_have_their_digests(pairs: list[tuple[str, str]]) -> None:
    examples = [{"input": given, "output": answer} for given, answer in pairs]
    contents = [example_content(given, answer) for given, answer in pairs]
    assert [content.digest for content in contents] == [example_digest(example) for example in examples]
    assert set_content([content.digest for content in contents]).digest == example_set_digest(examples)


MEMBERS = st.lists(st.integers(0, 9).map(lambda n: f"sha256:{n:064x}"), max_size=5, unique=True)


@given(MEMBERS, MEMBERS, st.frozensets(st.integers(0, 9).map(lambda n: f"sha256:{n:064x}")))
def test_the_remaining_examples_keep_their_order(shots: list[str], more: list[str], revoked: frozenset[str]) -> None:
    sets = {set_content(members).digest: members for members in (shots, more)}
    full = with_slot(with_slot(SLOTTED, "shots", set_content(shots).digest), "more", set_content(more).digest)
    clean = without_revoked_examples(full, sets, revoked)
    known = {**sets, **{left.digest: None for left in clean.sets}}
    for name, members in (("shots", shots), ("more", more)):
        kept = [member for member in members if member not in revoked]
        slot = clean.prompt.slots[name].set
        assert slot == (set_content(kept).digest if kept or len(kept) == len(members) else None)
        assert slot is None or slot in known
    bare = with_slot(with_slot(clean.prompt, "shots", None), "more", None)
    assert bare == SLOTTED, "nothing but slots changed"
