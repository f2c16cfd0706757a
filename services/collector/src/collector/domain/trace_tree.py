"""The tree of a trace: executions in the order of a depth-first walk, by `parent_id`. Pure."""

from collections.abc import Sequence
from typing import NamedTuple


class TreeNode(NamedTuple):
    """Where an execution is in the tree: its position in the given sequence, and the number of its ancestors."""

    position: int
    depth: int


def order_tree(nodes: Sequence[tuple[str, str | None]]) -> list[TreeNode]:
    """Return each node, given as (id, parent's id) and sorted by time, once: parents before children.

    A node whose parent is not given is a root. Of a cycle, the first node is a root.
    """
    known = {node_id for node_id, _ in nodes}
    children: dict[str | None, list[int]] = {}
    for index, (_, parent) in enumerate(nodes):
        children.setdefault(parent if parent in known else None, []).append(index)
    ordered: list[TreeNode] = []
    visited: set[int] = set()
    for root in (*children.get(None, ()), *range(len(nodes))):  # a cycle has no root among the former
        stack = [TreeNode(root, 0)]
        while stack:
            node = stack.pop()
            if node.position in visited:
                continue
            visited.add(node.position)
            ordered.append(node)
            below = children.get(nodes[node.position][0], ())
            stack.extend(TreeNode(position, node.depth + 1) for position in reversed(below))
    return ordered
