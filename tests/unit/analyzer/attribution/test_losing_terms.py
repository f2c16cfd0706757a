"""Input words whose answers got worse are found among thousands of others, in a sketch of constant size."""

import json
import random
import string
from itertools import accumulate, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.domain.attribution.contrasts import ChangePoint
from analyzer.domain.attribution.input_words import words_in
from analyzer.domain.attribution.losing_terms import LosingTerm
from analyzer.domain.attribution.term_sketch import WORDS, TermInput, TermSketch
from tests.support.soak import scaled

pytestmark = pytest.mark.simulation

SWITCH = 1500
CHANGE = ChangePoint(SWITCH, SWITCH - 50, SWITCH + 50)
_RND = random.Random(0)
VOCABULARY = ["".join(_RND.choices(string.ascii_lowercase, k=7)) for _ in range(2000)]
LIKELY = list(accumulate(1.0 / (rank + 1) for rank in range(2000)))


def sketch(seed: int, fall: float = 0.0, everybody: float = 0.0, share: float = 0.15, users: int = 300) -> TermSketch:
    """Return inputs of a dozen words. `hard` is always bad; from number 1,500 on `refund` is bad more often."""
    rnd, terms = random.Random(seed), TermSketch()
    for number in range(SWITCH + 500):
        words = rnd.choices(VOCABULARY, cum_weights=LIKELY, k=8)
        words += [word for word, part in (("refund", share), ("hard", 0.1)) if rnd.random() < part]
        bad = 0.15 + 0.3 * ("hard" in words)
        if number >= SWITCH:
            bad += everybody + fall * ("refund" in words)
        terms.add(" ".join(words), rnd.random() < bad, float(number), f"e{number}", f"u{rnd.randrange(users)}")
    return terms


def named(found: tuple[LosingTerm, ...]) -> list[str]:
    return [term.term for term in found]


def test_losing_word_is_named_with_its_figures_and_examples() -> None:
    (found,) = sketch(1, fall=0.6).find_losing_terms(CHANGE)
    assert found.term == "refund"
    assert found.n >= 40
    assert found.share == pytest.approx(0.75, abs=0.15)
    assert found.before is None or found.before == pytest.approx(0.18, abs=0.12)
    assert found.without == pytest.approx(0.18, abs=0.08)
    assert 0.0 < found.low < found.lift < found.high
    assert len(found.examples) == 3
    assert int(found.examples[0][1:]) > int(found.examples[2][1:]) >= SWITCH


def test_losing_word_is_found_nearly_always() -> None:
    assert sum("refund" in named(sketch(seed, fall=0.6).find_losing_terms(CHANGE)) for seed in range(6)) >= 5


@pytest.mark.parametrize("everybody", [0.0, 0.2])
def test_noise_and_constantly_bad_words_are_not_named(everybody: float) -> None:
    """The level is 5 % per stream; more than 3 of 12, or 1 of 3, would occur with a probability of 1 in 400 or 140."""
    streams, limit = scaled((12, 3), (12, 3), unit=(3, 1))
    found = [sketch(seed, everybody=everybody).find_losing_terms(CHANGE) for seed in range(streams)]
    assert sum(bool(each) for each in found) <= limit


def test_word_of_fewer_than_five_users_is_not_shown() -> None:
    assert named(sketch(1, fall=0.6, users=4).find_losing_terms(CHANGE)) == []


def test_memory_is_constant_in_history_and_words() -> None:
    rnd, terms, sizes = random.Random(1), TermSketch(), []
    for number in range(10_000):
        text = " ".join("".join(rnd.choices(string.ascii_lowercase, k=8)) for _ in range(6))
        terms.add(text, rnd.random() < 0.3, float(number), f"e{number}")
        if number in (1_000, 9_999):
            sizes.append(len(json.dumps(terms.dump())))
    assert len(terms.words) <= WORDS
    assert sizes[1] < 1.5 * sizes[0]


@given(st.lists(st.tuples(st.lists(st.sampled_from(VOCABULARY[:200]), max_size=8), st.booleans()), max_size=200))
def test_saved_sketch_continues_identically(words: list[tuple[list[str], bool]]) -> None:
    terms = TermSketch()
    for number, (each, bad) in enumerate(words):
        if number == 100:
            terms = TermSketch.load(json.loads(json.dumps(terms.dump())))
        terms.add(" ".join(each), bad, float(number), f"e{number}")
    whole = TermSketch()
    for number, (each, bad) in enumerate(words):
        whole.add(" ".join(each), bad, float(number), f"e{number}")
    assert terms == whole


@given(st.text(max_size=300))
def test_words_are_few_short_and_without_digits(text: str) -> None:
    found = words_in(text)
    assert len(found) == len(set(found)) <= 40
    assert not any(character.isdecimal() for word in found for character in word)


def test_words_are_case_folded_and_counted_once() -> None:
    assert words_in("Refund my REFUND, order 4711 or A1B2: größe!") == ("refund", "order", "grösse")


def test_words_are_the_same_after_thousands_of_others() -> None:
    """The memory of words is bounded."""
    text = "Refund, my (order)"
    assert words_in.__wrapped__(text) == ("refund", "order")
    for number in range(10_000):
        words_in.__wrapped__("".join(chr(97 + int(digit)) for digit in f"{number:05}"))
    assert words_in.__wrapped__(text) == ("refund", "order")


def test_inputs_at_once_are_counted_as_one_by_one() -> None:
    """With more new words in a block than can wait for admission."""
    rnd = random.Random(7)
    vocabulary = ["".join(letters) for letters in product("abcdefghijkl", "mnopqrst", "uvwxyz", "ab")]
    inputs = [
        TermInput(" ".join(rnd.choices(vocabulary, k=30)), rnd.random() < 0.5, float(at), f"e{at}", f"u{at % 9}")
        for at in range(1000)
    ]
    apart, together = TermSketch(), TermSketch()
    start, full = 0, False
    while start < len(inputs):
        stop = start + rnd.randint(1, 130)
        for each in inputs[start:stop]:
            apart.add(*each)
        together.add_many(inputs[start:stop])
        assert together.dump() == apart.dump()
        full, start = full or len(apart.waiting) == 256, stop
    assert full
