"""The source files of the product, parsed once, for the report and the checks."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parents[2]
SUPPORT = ("tests", "benchmarks")
ROOTS = ("sdk/src", "shared/src", "services/*/src", "langfuse/src", "backtest/src", "evaluation/src", "deploy/*/src")

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """One Python file. `path` is relative to its source root, such as `analyzer/domain/watch_rules.py`."""

    file: Path
    path: str

    @cached_property
    def text(self) -> str:
        return self.file.read_text()

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @property
    def name(self) -> str:
        return self.file.stem

    @property
    def is_migration(self) -> bool:
        return "migrations" in self.path

    def functions(self) -> Iterator[Function]:
        """Yield all functions, methods and nested functions."""
        return (node for node in ast.walk(self.tree) if isinstance(node, Function))

    def classes(self) -> Iterator[ast.ClassDef]:
        return (node for node in ast.walk(self.tree) if isinstance(node, ast.ClassDef))

    def public_functions(self) -> Iterator[Function]:
        """Yield module-level functions, and methods of module-level classes, that are public.

        Properties are left out: their docstrings describe a value, like those of attributes.
        """
        for node in self.tree.body:
            members = node.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_") else [node]
            for member in members:
                if isinstance(member, Function) and not member.name.startswith("_") and not _is_property(member):
                    yield member


def _is_property(function: Function) -> bool:
    decorators = {ast.unparse(decorator).rsplit(".", 1)[-1] for decorator in function.decorator_list}
    return bool(decorators & {"property", "cached_property", "setter"})


def modules(root: Path = ROOT) -> list[Module]:
    """Return every module of the product below `root`, in order of path."""
    found = [
        Module(file, file.relative_to(source).as_posix())
        for pattern in ROOTS
        for source in root.glob(pattern)
        for file in source.rglob("*.py")
    ]
    return sorted(found, key=lambda module: module.path)


def supporting_modules(root: Path = ROOT) -> list[Module]:
    """Return every module of the tests and benchmarks below `root`, in order of path relative to `root`."""
    found = [
        Module(file, file.relative_to(root).as_posix()) for name in SUPPORT for file in (root / name).rglob("*.py")
    ]
    return sorted(found, key=lambda module: module.path)
