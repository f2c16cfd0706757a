"""Where SQL is written, and which database functions are defined."""

import ast
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.architecture.source import Module

STATEMENT = re.compile(r"^\s*(SELECT\s|INSERT INTO\s|UPDATE\s+\w+|DELETE FROM\s|WITH\s+\w+.*\sAS\s*\()", re.I | re.S)
DEFINITION = re.compile(r"CREATE\s+(?:OR\s+REPLACE\s+)?FUNCTION\s+([\w.]+)", re.I)
HOMES = ("/storage/", "shared/messaging/", "shared/auth/", "shared/runtime/", "shared/service/")
"""Where SQL is allowed: a service's storage, and the shared stores."""


def is_home(module: Module) -> bool:
    return any(home in module.path for home in HOMES)


def sql_statements(module: Module) -> Iterator[int]:
    """Yield the lines of string constants that are SQL statements. Docstrings may begin with "Update" or "Select"."""
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Module)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(module.tree):
        if (
            id(node) not in docstrings
            and isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and STATEMENT.match(node.value)
        ):
            yield node.lineno


def outside_storage(modules: Iterable[Module]) -> list[str]:
    """Return `path:line` of each SQL statement outside the allowed folders."""
    return [f"{m.path}:{line}" for m in modules if not is_home(m) for line in sql_statements(m)]


def defined_twice(root: Path) -> list[str]:
    """Return the database functions that SQL scripts define more than once."""
    found = Counter(
        name.lower()
        for script in root.glob("services/*/src/**/*.sql")
        for name in DEFINITION.findall(script.read_text())
    )
    return sorted(name for name, count in found.items() if count > 1)
