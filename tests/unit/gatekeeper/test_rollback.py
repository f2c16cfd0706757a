"""The version before the live one."""

from hypothesis import given
from hypothesis import strategies as st

from gatekeeper.domain.live_version import LiveVersion, previous_digest


def promoted(digest: str, base: str | None) -> LiveVersion:
    return LiveVersion(digest, base, "promoted")


def rolled(digest: str, base: str) -> LiveVersion:
    return LiveVersion(digest, base, "rolled_back")


def test_an_empty_history_has_no_previous_version() -> None:
    assert previous_digest([]) is None


def test_the_first_version_has_no_previous_version() -> None:
    assert previous_digest([promoted("a", None)]) is None


def test_the_first_version_may_replace_an_observed_one() -> None:
    assert previous_digest([promoted("a", "observed")]) == "observed"


def test_two_rollbacks_go_two_versions_back() -> None:
    history = [promoted("a", None), promoted("b", "a"), promoted("c", "b")]
    assert previous_digest(history) == "b"
    assert previous_digest([*history, rolled("b", "c")]) == "a"
    assert previous_digest([*history, rolled("b", "c"), rolled("a", "b")]) is None


def test_versions_with_and_without_revoked_examples_count_as_one() -> None:
    history = [promoted("a", None), promoted("b", "a"), LiveVersion("b-", "b", "example_revoked")]
    assert previous_digest(history) == "a"


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc"), st.booleans()), max_size=12))
def test_every_history_ends(rows: list[tuple[str, str, bool]]) -> None:
    history = [LiveVersion(digest, base, "promoted" if plain else "example_revoked") for digest, base, plain in rows]
    assert previous_digest(history) in {None, "a", "b", "c"}
