"""The cache of saved states: what it returns, what it forgets, and its bound."""

from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from analyzer.storage.state_rows import SavedState, StateCache, mark_of

MARK = uuid4()


def saved(size: int = 1, mark: UUID | None = MARK, basis: object = None) -> SavedState[str]:
    return SavedState("state", mark, size, basis)


def test_state_is_returned_once() -> None:
    cache: StateCache[str, str] = StateCache()
    cache.keep({"a": saved(3), "b": saved(4)})
    assert cache.pop({"a": None, "c": None}) == {"a": saved(3)}
    assert cache.pop({"a": None}) == {}
    assert (len(cache), cache.bytes) == (1, 4)


def test_state_with_another_basis_is_forgotten() -> None:
    cache: StateCache[str, str] = StateCache()
    cache.keep({"a": saved(basis="floor 0.05")})
    assert cache.pop({"a": "floor 0.1"}) == {}
    assert (len(cache), cache.bytes) == (0, 0)


def test_states_not_used_for_longest_are_removed_first() -> None:
    cache: StateCache[str, str] = StateCache(max_bytes=10)
    cache.keep({"a": saved(4), "b": saved(4)})
    cache.keep(cache.pop({"a": None}))
    cache.keep({"c": saved(4)})
    assert [*cache.pop({"a": None, "b": None, "c": None})] == ["a", "c"]


def test_state_beyond_the_bound_is_not_kept() -> None:
    cache: StateCache[str, str] = StateCache(max_bytes=10)
    cache.keep({"a": saved(11)})
    assert (len(cache), cache.bytes) == (0, 0)


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 12), st.booleans()), max_size=40))
def test_bytes_are_those_of_the_states_and_bounded(steps: list[tuple[str, int, bool]]) -> None:
    cache: StateCache[str, str] = StateCache(max_bytes=20)
    for key, size, popped in steps:
        if popped:
            cache.pop({key: None})
        else:
            cache.keep({key: saved(size)})
        assert cache.bytes <= 20
    left = cache.pop(dict.fromkeys("abcdef"))
    assert sum(state.size for state in left.values()) <= 20
    assert (len(cache), cache.bytes) == (0, 0)


def test_row_is_known_by_the_one_mark_of_all_its_states() -> None:
    assert mark_of([saved(), saved()]) == MARK
    assert mark_of([saved(), saved(mark=uuid4())]) is None
    assert mark_of([saved(), None]) is None
    assert mark_of([saved(mark=None)]) is None
    assert mark_of([]) is None
