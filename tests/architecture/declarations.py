"""Which distributions a member imports, and which its pyproject.toml declares."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping, Set
from importlib.metadata import packages_distributions
from pathlib import Path

from packaging.requirements import Requirement


def members(root: Path) -> list[Path]:
    """Return the folders of all members: those with a pyproject.toml and a src folder."""
    return sorted(file.parent for file in root.glob("*/**/pyproject.toml") if (file.parent / "src").is_dir())


def normalized(name: str) -> str:
    """Return a distribution's name as PyPI compares it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def requirements(member: Path) -> dict[str, str]:
    """Return the requirements that a member declares, also in extras: distribution → version specifier."""
    project = tomllib.loads((member / "pyproject.toml").read_text())["project"]
    lists = [project.get("dependencies", []), *project.get("optional-dependencies", {}).values()]
    parsed = [Requirement(each) for requirements in lists for each in requirements]
    return {normalized(each.name): str(each.specifier) for each in parsed}


def package_of(member: Path) -> tuple[str, str]:
    """Return a member's import name and the name of its distribution."""
    document = tomllib.loads((member / "pyproject.toml").read_text())
    return document["tool"]["uv"]["build-backend"]["module-name"], normalized(document["project"]["name"])


def imported(member: Path) -> set[str]:
    """Return the top-level packages that a member imports, without those of the standard library."""
    trees = [ast.parse(file.read_text()) for file in (member / "src").rglob("*.py")]
    return {name for tree in trees for name in _names(tree)} - sys.stdlib_module_names


def _names(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def distributions(root: Path) -> dict[str, set[str]]:
    """Return top-level package → distributions; those of members come from their pyproject.toml."""
    found = {name: {normalized(each) for each in names} for name, names in packages_distributions().items()}
    return found | {name: {distribution} for name, distribution in map(package_of, members(root))}


def undeclared(member: Path, providers: Mapping[str, Set[str]]) -> list[str]:
    """Return the packages that a member imports although it declares none of their distributions."""
    given = {*requirements(member), package_of(member)[1]}
    return sorted(name for name in imported(member) if not given & providers.get(name, set()))
