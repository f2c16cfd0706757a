"""The order of a trace's executions: each once, parents before children, whatever the parents are."""

from hypothesis import given
from hypothesis import strategies as st

from collector.domain.trace_tree import TreeNode, order_tree

IDS = st.sampled_from("abcdefgh")
NODES = st.lists(st.tuples(IDS, IDS | st.none()), unique_by=lambda node: node[0])


def test_children_follow_their_parent_in_the_order_of_time() -> None:
    nodes = [("late parent", None), ("child", "root"), ("root", None), ("leaf", "child"), ("second", "root")]
    assert [(nodes[it.position][0], it.depth) for it in order_tree(nodes)] == [
        ("late parent", 0), ("root", 0), ("child", 1), ("leaf", 2), ("second", 1)
    ]  # fmt: skip


def test_node_with_unknown_parent_is_a_root() -> None:
    assert order_tree([("a", "elsewhere"), ("b", "a")]) == [TreeNode(0, 0), TreeNode(1, 1)]


def test_first_node_of_a_cycle_is_a_root() -> None:
    assert order_tree([("a", "b"), ("b", "a"), ("c", "c")]) == [TreeNode(0, 0), TreeNode(1, 1), TreeNode(2, 0)]


def test_deep_trace_needs_no_recursion() -> None:
    nodes = [(str(n), str(n - 1) if n else None) for n in range(5_000)]
    assert order_tree(nodes) == [TreeNode(n, n) for n in range(5_000)]


@given(NODES)
def test_each_node_is_listed_once_and_one_below_its_parent(nodes: list[tuple[str, str | None]]) -> None:
    ordered = order_tree(nodes)
    assert sorted(it.position for it in ordered) == list(range(len(nodes)))
    depths: dict[str, int] = {}
    for it in ordered:
        name, parent = nodes[it.position]
        if it.depth:
            assert parent is not None
            assert it.depth == depths[parent] + 1
        depths[name] = it.depth
