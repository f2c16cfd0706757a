"""`python -m tests.architecture.report [folder]`: readability of the code, in figures.

With the folder of another checkout it measures that one, so that two states can be compared.
"""

import statistics
import sys
from collections.abc import Iterable
from pathlib import Path

from tests.architecture import names, sql
from tests.architecture.duplicates import duplicate_blocks
from tests.architecture.imports import cycles
from tests.architecture.source import ROOT, Function, Module, modules


def _spread(values: Iterable[int]) -> str:
    ordered = sorted(values)
    return f"{statistics.median(ordered):.0f} / {ordered[int(len(ordered) * 0.95)]} / {ordered[-1]}"


def _length(function: Function) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1


def docstring_share(found: Iterable[Module]) -> tuple[int, int]:
    """Count public functions with a docstring: those that begin with a verb, and all."""
    judged = [names.begins_with_verb(function) for module in found for function in module.public_functions()]
    return sum(begins is True for begins in judged), sum(begins is not None for begins in judged)


def rows(root: Path) -> list[tuple[str, str]]:
    """Return the report's rows: name and value of each figure."""
    found = [module for module in modules(root) if not module.is_migration]
    functions = [function for module in found for function in module.functions()]
    verbs, documented = docstring_share(found)
    activity = names.modules_in_ing(found)
    return [
        ("modules", str(len(found))),
        ("modules named by an -ing word", f"{len(activity)} ({len(activity) / len(found):.0%})"),
        ("file names with several meanings", str(len(names.homonym_modules(found)))),
        ("class names with several meanings", str(len(names.homonym_classes(found)))),
        ("banned names", str(len(list(names.banned_names(found))))),
        ("lines of a file: median / p95 / most", _spread(len(module.text.splitlines()) for module in found)),
        ("lines of a function: median / p95 / most", _spread(_length(function) for function in functions)),
        (
            "public docstrings that begin with a verb",
            f"{verbs} of {documented} ({verbs / documented:.0%})",
        ),
        ("repeated blocks of code", str(len(duplicate_blocks(found)))),
        ("import cycles between packages", str(len(cycles(found)))),
        ("SQL statements outside storage", str(len(sql.outside_storage(found)))),
        ("SQL functions defined more than once", str(len(sql.defined_twice(root)))),
    ]


def main(arguments: list[str]) -> None:
    for what, figure in rows(Path(arguments[0]).resolve() if arguments else ROOT):
        print(f"{what:<56}{figure}")


if __name__ == "__main__":
    main(sys.argv[1:])
