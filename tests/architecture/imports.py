"""Import cycles between the packages of a member, direct or indirect."""

import ast
from collections import defaultdict
from collections.abc import Iterable, Mapping

from tests.architecture.source import Module

Graph = Mapping[str, set[str]]


def _package(path: str) -> str:
    """Return a module's folder, or for a module right below its member the module itself."""
    parts = path.removesuffix(".py").split("/")
    return "/".join(parts[:2])


def package_graph(modules: Iterable[Module]) -> Graph:
    """Return which second-level packages import which (`shared/web` → {`shared/runtime`, …})."""
    graph: dict[str, set[str]] = defaultdict(set)
    for module in modules:
        if module.name in {"__init__", "__main__"} and module.path.count("/") == 1:
            continue
        here = _package(module.path)
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ImportFrom) and node.module:
                there = "/".join(node.module.split(".")[:2])
                if there != here and there.split("/")[0] == here.split("/")[0] and "/" in there:
                    graph[here].add(there)
    return graph


def cycles(modules: Iterable[Module]) -> list[set[str]]:
    """Return the groups of packages that reach each other (strongly connected components; Tarjan, 1972)."""
    graph = package_graph(modules)
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[set[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for target in sorted(graph.get(node, ())):
            if target not in index:
                visit(target)
                low[node] = min(low[node], low[target])
            elif target in stack:
                low[node] = min(low[node], index[target])
        if low[node] == index[node]:
            group: set[str] = set()
            while node not in group:
                group.add(stack.pop())
            if len(group) > 1:
                found.append(group)

    for node in sorted(graph):
        if node not in index:
            visit(node)
    return found
