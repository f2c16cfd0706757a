"""Contamination: no case that a candidate was made from, on whichever path, is left in the set that judges it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratchet_evaluation.domain.cases import GoldenCase
from ratchet_evaluation.domain.contamination import ExcludedCase, exclude_contaminated, origin_names
from ratchet_evaluation.domain.golden_set import GoldenSet
from tests.support.evaluation import golden_case, golden_set

EXECUTION = "0198c5d2-7b1e-7c3a-9d2f-5a4b3c2d1e0f"
LONG = "Please explain how long it takes until a refund reaches my bank account after I returned the lamp"


def exclude(*cases: GoldenCase, unpublished: tuple[GoldenCase, ...] = ()) -> dict[str, ExcludedCase]:
    clean = exclude_contaminated(GoldenSet(cases), [EXECUTION], unpublished)
    assert [case.id for case in clean.kept.cases] == [c.id for c in cases if c.id not in {x.id for x in clean.excluded}]
    return {each.id: each for each in clean.excluded}


@pytest.mark.parametrize(
    ("origin", "named"),
    [
        (EXECUTION, True),
        (f"execution:{EXECUTION}", True),
        (f"https://ratchet.example/executions/{EXECUTION}?tab=1", True),
        (f"{EXECUTION}0, {EXECUTION}", True),
        (f"{EXECUTION}0", False),
        (f"x{EXECUTION}", False),
        (f"{EXECUTION}-2", False),
        ("by hand", False),
    ],
)
def test_an_origin_names_an_execution_as_a_whole_word(origin: str, named: bool) -> None:
    assert origin_names(origin, EXECUTION) is named


def test_without_executions_nothing_is_excluded() -> None:
    found = exclude_contaminated(golden_set(5, origin=EXECUTION), ["", "another"])
    assert (len(found.kept.cases), found.excluded) == (5, ())


def test_the_cluster_of_a_case_goes_with_it() -> None:
    """A case that it was derived from, its siblings and their descendants say the same."""
    found = exclude(
        golden_case(id="root", input="How long is the warranty?"),
        golden_case(id="made", input="Warranty: how many years?", parent="root", origin=EXECUTION),
        golden_case(id="sibling", input="garantie??", parent="root"),
        golden_case(id="child", input="Wie lange gilt die Garantie?", parent="sibling"),
        golden_case(id="other", input="Do you deliver to Spain?"),
    )
    assert {id_: each.reason for id_, each in found.items()} == {
        "root": "dependent",
        "made": "origin",
        "sibling": "dependent",
        "child": "dependent",
    }
    assert found["made"].because == EXECUTION


def test_near_duplicates_go_with_their_clusters() -> None:
    found = exclude(
        golden_case(id="made", input=LONG, origin=f"execution:{EXECUTION}"),
        golden_case(id="near", input=LONG + "!", expected="x"),
        golden_case(id="translated", input="Wann kommt mein Geld?", parent="near"),
        golden_case(id="other", input="Do you deliver to Spain?"),
    )
    assert {id_: (each.reason, each.because) for id_, each in found.items()} == {
        "made": ("origin", EXECUTION),
        "near": ("near-duplicate", "made"),
        "translated": ("dependent", "near"),
    }


def test_a_case_that_was_never_published_spreads_it() -> None:
    """A person rejected the case made from the execution because the set has nearly the same one."""
    rejected = golden_case(id="rejected", input=LONG + "?", origin=EXECUTION)
    assert set(exclude(golden_case(id="near", input=LONG), unpublished=(rejected,))) == {"near"}


@given(
    parents=st.lists(st.integers(0, 30), min_size=2, max_size=25),
    texts=st.lists(st.integers(0, 5), min_size=25, max_size=25),
    made=st.sets(st.integers(0, 24), max_size=3),
    published=st.sets(st.integers(0, 24)),
    path=st.sampled_from(["origin", "bisection", "example"]),
)
def test_whatever_the_path_no_contaminated_case_is_left(
    parents: list[int], texts: list[int], made: set[int], published: set[int], path: str
) -> None:
    """Reference: repeat until nothing changes: same root, or one of few texts that differ by case and width only."""
    cases = [
        golden_case(
            id=f"c{i}",
            input=f"{LONG} number {texts[i]}" * 3 if i % 2 else f"{LONG} NUMBER {texts[i]}".upper() * 3,
            expected=str(i),
            parent=f"c{parent}" if parent < i else None,
            origin=f"execution:{EXECUTION}" if i in made and path == "origin" else "by hand",
        )
        for i, parent in enumerate(parents)
    ]
    seen = [cases[i] for i in made if i < len(cases)]
    clean = exclude_contaminated(
        GoldenSet(tuple(c for i, c in enumerate(cases) if i in published)),
        [EXECUTION],
        [c for i, c in enumerate(cases) if i not in published],
        {case.digest: "b-1" for case in seen} if path == "bisection" else {},
        {"shots": [str(case.input) for case in seen]} if path == "example" else {},
    )
    bad = {i for i in made if i < len(cases)}
    while more := {
        i
        for i in range(len(cases))
        for other in bad
        if i not in bad and (_root(parents, i) == _root(parents, other) or texts[i] == texts[other])
    }:
        bad |= more
    kept = {int(case.id[1:]) for case in clean.kept.cases}
    assert not kept & bad
    assert kept | {int(each.id[1:]) for each in clean.excluded} == {i for i in published if i < len(cases)}


def _root(parents: list[int], i: int) -> int:
    while parents[i] < i:
        i = parents[i]
    return i


@pytest.mark.parametrize(
    ("case", "like"),
    [
        ({"input": LONG}, True),
        ({"input": f"{LONG}?!"}, True),
        ({"input": "", "variables": {"question": LONG.upper()}}, True),
        ({"input": "Do you deliver lamps to the Canary Islands?"}, False),
        ({"input": "lamp"}, False),
    ],
)
def test_case_that_asks_what_an_example_shows_is_excluded(case: dict[str, str], like: bool) -> None:
    """The app may have sent more with the question, such as articles."""
    sent = f"Articles: [1] Lamps are sent back within 30 days.\n\nQuestion: {LONG}"
    shown = golden_case(id="shown", **case)
    child = golden_case(id="child", input="Quite another wording", parent="shown")
    clean = exclude_contaminated(GoldenSet((shown, child)), (), (), None, {"shots": [sent]})
    expected = (ExcludedCase("shown", "example", "shots"), ExcludedCase("child", "dependent", "shown"))
    assert clean.excluded == (expected if like else ())


def test_cases_of_a_bisection_are_excluded_with_their_clusters() -> None:
    used, child = golden_case(id="used", input="Used?"), golden_case(id="child", input="Derived?", parent="used")
    free = golden_case(id="free", input="Free?")
    clean = exclude_contaminated(GoldenSet((used, child, free)), (), (), {used.digest: "b-1"})
    assert clean.excluded == (ExcludedCase("used", "bisection", "b-1"), ExcludedCase("child", "dependent", "used"))
