"""Which call of a tool belongs to which execution."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from collector.domain.pulls.tool_call_matches import MAX_CALLS, LoggedCall, assign_calls

HOUR = timedelta(hours=1)
START = datetime(2026, 11, 21, 12, tzinfo=UTC)


def at(seconds: int) -> datetime:
    return START + timedelta(seconds=seconds)


def call(key: str, seconds: int, name: str = "search") -> LoggedCall:
    return LoggedCall(at(seconds), key, {"name": name})


def test_calls_are_in_the_order_of_time() -> None:
    found = assign_calls([call("t", 2, "second"), call("t", 1, "first")], [("t", at(5))], HOUR)
    assert found == {0: [{"name": "first"}, {"name": "second"}]}


def test_of_several_executions_the_next_has_the_call_or_else_the_last() -> None:
    calls = [call("t", 1, "a"), call("t", 5, "b"), call("t", 6, "c"), call("t", 20, "d")]
    found = assign_calls(calls, [("t", at(10)), ("t", at(5)), ("other", at(6))], HOUR)
    assert found == {1: [{"name": "a"}, {"name": "b"}], 0: [{"name": "c"}, {"name": "d"}]}


def test_calls_of_other_executions_and_executions_without_key_are_left_out() -> None:
    assert assign_calls([call("x", 1)], [("t", at(2)), (None, at(3))], HOUR) == {}


def test_an_execution_has_a_bounded_number_of_calls() -> None:
    found = assign_calls([call("t", second) for second in range(MAX_CALLS + 5)], [("t", at(999))], HOUR)
    assert len(found[0]) == MAX_CALLS


def test_calls_that_are_too_far_from_their_execution_are_left_out() -> None:
    calls = [call("t", second) for second in (9, 10, 30, 31)]
    found = assign_calls(calls, [("t", at(20))], timedelta(seconds=10))
    assert found == {0: [{"name": "search"}] * 2}


_KEYS = st.sampled_from(["a", "b", "c"])
_TIMES = st.integers(0, 50)


@given(st.lists(st.tuples(_KEYS, _TIMES), max_size=40), st.lists(st.tuples(_KEYS, _TIMES), max_size=10))
def test_each_call_of_a_known_key_has_one_execution(
    calls: list[tuple[str, int]], executions: list[tuple[str, int]]
) -> None:
    made = [call(key, second, f"{index}") for index, (key, second) in enumerate(calls)]
    found = assign_calls(made, [(key, at(second)) for key, second in executions], HOUR)
    names = [body["name"] for bodies in found.values() for body in bodies]
    known = {key for key, _ in executions}
    assert sorted(names) == sorted(it.body["name"] for it in made if it.key in known)
    for index, bodies in found.items():
        key, second = executions[index]
        assert {calls[int(body["name"])][0] for body in bodies} <= {key}
        later = [s for k, s in executions if k == key and s > second]
        assert all(calls[int(body["name"])][1] <= second or not later for body in bodies)
