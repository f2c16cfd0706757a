"""Duplicate blocks of code: runs of equal statements, ignoring names and constants."""

import ast
import hashlib
from collections import defaultdict
from collections.abc import Iterable

from tests.architecture.source import Module

STATEMENTS = 4
"""Consecutive equal statements that count as a block."""


class _Anonymous(ast.NodeTransformer):
    """Replaces names and constants, so that only the shape is compared."""

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.copy_location(ast.Name("_", node.ctx), node)

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        return ast.copy_location(ast.Constant(None), node)


def _shape(statement: ast.stmt) -> str:
    return hashlib.sha1(ast.dump(_Anonymous().visit(statement)).encode(), usedforsecurity=False).hexdigest()


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def duplicate_blocks(modules: Iterable[Module]) -> list[list[str]]:
    """Return groups of locations (`path:line`) with the same four consecutive statements, docstrings left out."""
    places: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for module in modules:
        if module.is_migration:
            continue
        for node in ast.walk(ast.parse(module.text)):
            body = getattr(node, "body", None)
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or not isinstance(body, list):
                continue
            body = body[1:] if _is_docstring(body[0]) else body
            shapes = [_shape(statement) for statement in body]
            for start in range(len(shapes) - STATEMENTS + 1):
                places[tuple(shapes[start : start + STATEMENTS])].append(f"{module.path}:{body[start].lineno}")
    return [found for found in places.values() if len(found) > 1]
