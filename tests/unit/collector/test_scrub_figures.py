"""The published recall and precision of scrubbing equal the measured ones."""

import pytest

from tests.support.scrub_scores import EACH, PAGE, PUBLISHED_SEED, Figures, measure, page_with

GOALS = {"email": 0.99, "phone": 0.99, "card": 0.99, "iban": 0.99, "secret": 0.99, "ip": 0.98, "id": 0.95}


@pytest.fixture(scope="module")
def figures() -> Figures:
    return measure(PUBLISHED_SEED, EACH)


def test_there_are_enough_spans(figures: Figures) -> None:
    assert figures.asked.total() >= 2_000
    assert figures.harmless >= 2_000


@pytest.mark.parametrize(("kind", "goal"), GOALS.items())
def test_recall_and_precision(figures: Figures, kind: str, goal: float) -> None:
    assert figures.recall(kind) >= goal
    assert figures.precision(kind) >= 0.98


def test_page_has_the_measured_figures(figures: Figures) -> None:
    """Fails after a change; regenerate with `python -m tests.support.scrub_scores`."""
    assert PAGE.read_text() == page_with(figures)
