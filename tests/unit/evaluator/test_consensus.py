"""What annotators agree on, and what of their answers is refused."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.domain.consensus import find_consensus
from evaluator.domain.rubric import Answers, RubricError, RubricLabel, RubricQuestion, check_answers

THUMB = RubricQuestion("helpful", "thumb", "Is it helpful?", metric="thumb")
LABELS = (RubricLabel("warm", 1.0), RubricLabel("cold", 0.0), RubricLabel("rude", 0.0))
TONE = RubricQuestion("tone", "label", "Which tone?", labels=LABELS, metric="label.tone")
FACTS = RubricQuestion("facts", "score", "How right is it?", low=1.0, high=5.0, tolerance=1.0, metric="score.facts")
NOTE = RubricQuestion("note", "comment", "Anything else?", required=False)
RUBRIC = (THUMB, TONE, FACTS, NOTE)


def answers(helpful: bool = True, tone: str = "warm", facts: float = 4.0, **more: Any) -> dict[str, Any]:
    return {"helpful": helpful, "tone": tone, "facts": facts, **more}


@pytest.mark.parametrize(
    ("given_answers", "ratings", "disputed"),
    [
        ([answers()], {"helpful": True, "tone": "warm", "facts": 4.0}, ()),
        ([answers(), answers(facts=5.0)], {"helpful": True, "tone": "warm", "facts": 4.5}, ()),
        ([answers(), answers(facts=2.0)], {"helpful": True, "tone": "warm"}, ("facts",)),
        ([answers(), answers(helpful=False)], {"tone": "warm", "facts": 4.0}, ("helpful",)),
        ([answers(), answers(tone="cold"), answers(tone="warm")], {"helpful": True, "tone": "warm", "facts": 4.0}, ()),
        (
            [answers(), answers(tone="cold"), answers(tone="rude", helpful=False)],
            {"helpful": True, "facts": 4.0},
            ("tone",),
        ),
        ([{"note": "unclear"}, {"note": "clear"}], {}, ()),
    ],
)
def test_majorities_and_near_scores_are_a_consensus(
    given_answers: list[Answers], ratings: Answers, disputed: tuple[str, ...]
) -> None:
    found = find_consensus(RUBRIC, given_answers)
    assert (found.ratings, found.disputed) == (ratings, disputed)
    assert found.state == ("disagreement" if disputed else "agreed")


_ANSWERS = st.builds(
    answers, st.booleans(), st.sampled_from(["warm", "cold", "rude"]), st.sampled_from([1.0, 2.0, 3.0, 4.0, 5.0])
)


@given(st.lists(_ANSWERS, min_size=1, max_size=9), st.randoms())
def test_a_consensus_does_not_depend_on_the_order(annotations: list[Answers], random: Any) -> None:
    shuffled = list(annotations)
    random.shuffle(shuffled)
    first, second = find_consensus(RUBRIC, annotations), find_consensus(RUBRIC, shuffled)
    assert first.disputed == second.disputed
    assert first.ratings.keys() == second.ratings.keys()
    assert all(first.ratings[name] == pytest.approx(second.ratings[name]) for name in first.ratings)
    for question in RUBRIC:
        if question.name in first.ratings:
            value = question.value_of(first.ratings[question.name])
            assert value is None or 0.0 <= value <= 1.0


@given(st.lists(_ANSWERS, min_size=1, max_size=9))
def test_equal_answers_are_always_a_consensus(annotations: list[Answers]) -> None:
    same = [annotations[0]] * len(annotations)
    assert find_consensus(RUBRIC, same).disputed == ()


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({**answers(), "helpful": "yes"}, "answers.helpful"),
        (answers(tone="hot"), "answers.tone"),
        (answers(facts=6.0), "answers.facts"),
        (answers(facts=3.5), "answers.facts"),
        (answers(facts=True), "answers.facts"),
        (answers(facts=float("nan")), "answers.facts"),
        (answers(note="  "), "answers.note"),
        (answers(note=7), "answers.note"),
        (answers(other=1), "answers.other"),
        ({"helpful": True, "tone": "warm"}, "answers.facts"),
    ],
)
def test_a_wrong_answer_is_named(wrong: dict[str, Any], field: str) -> None:
    with pytest.raises(RubricError) as caught:
        check_answers(RUBRIC, wrong)
    assert caught.value.field == field


def test_answers_keep_the_order_of_the_rubric() -> None:
    found = check_answers(RUBRIC, {"facts": 3, "tone": "cold", "helpful": False, "note": None})
    assert list(found.items()) == [("helpful", False), ("tone", "cold"), ("facts", 3.0)]
    assert FACTS.choices == (1.0, 2.0, 3.0, 4.0, 5.0)
