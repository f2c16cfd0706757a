"""The levels of an execution, by the attribute names that apps use."""

from typing import Any

import pytest

from analyzer.domain.segments.dimensions import DEFAULTS, LONGEST_LEVEL, NOT_GIVEN, Dimensions
from tests.support.quality import facts


def levels(names: tuple[str, ...] = tuple(DEFAULTS), **fields: Any) -> dict[str, str | None]:
    dimensions = Dimensions(names)
    return dict(zip(dimensions.names, dimensions.cell(facts(1, **fields)), strict=True))


def test_well_known_names_need_no_setting() -> None:
    attributes = {
        "route": "search",
        "lang": "de",
        "plan": "free",
        "corpus_version": "7",
        "country": "AT",
        "shoe size": "42",
    }
    found = levels(model="m1", attributes=attributes)
    assert found == {
        "route": "search",
        "language": "de",
        "user_segment": "free",
        "region": "AT",
        "model": "m1",
        "retrieval_corpus": "7",
    }


def test_missing_attribute_has_its_own_level() -> None:
    assert set(levels(model=None).values()) == {NOT_GIVEN}


@pytest.mark.parametrize("names", [("tenant",), ("tenant", "tenant")])
def test_a_setting_names_other_attributes(names: tuple[str, ...]) -> None:
    assert levels(names, attributes={"tenant": "acme", "route": "search"}) == {"tenant": "acme"}


def test_levels_are_truncated() -> None:
    assert levels(("route",), attributes={"route": "r" * 1000}) == {"route": "r" * LONGEST_LEVEL}
    assert levels(("model",), model="m" * 1000) == {"model": "m" * LONGEST_LEVEL}


@pytest.mark.parametrize(
    ("attributes", "traffic"),
    [({}, False), ({"corpus": "7"}, False), ({"shoe size": "42"}, False), ({"lang": "de"}, True)],
)
def test_traffic_dimensions_exclude_changes_by_the_team_and_suppliers(
    attributes: dict[str, str], traffic: bool
) -> None:
    known = Dimensions()
    assert known.has_traffic_level(known.cell(facts(1, attributes=attributes))) is traffic
