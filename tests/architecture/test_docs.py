"""What the documents name exists."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    path.relative_to(ROOT).as_posix()
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("services/*/README.md")]
)
PATH = re.compile(r"`((?:sdk|services|shared|deploy|tests|docs|benchmarks)/[\w./-]+\.\w+)`(?: ·\s+`([\w.]+)`)?")
LINK = re.compile(r"\]\((?!https?:)([^)#]+)[^)]*\)")


def names_in(path: Path) -> set[str]:
    """Functions, classes, and `Class.method` of a Python file."""
    found: set[str] = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            members = (m for m in node.body if isinstance(m, ast.FunctionDef | ast.AsyncFunctionDef))
            found |= {f"{node.name}.{member.name}" for member in members}
    return found


@pytest.mark.parametrize("document", DOCUMENTS)
def test_files_and_functions_that_are_named_exist(document: str) -> None:
    for path, name in PATH.findall((ROOT / document).read_text()):
        assert (ROOT / path).exists(), path
        assert not name or name in names_in(ROOT / path), f"{path} · {name}"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document: str) -> None:
    for target in LINK.findall((ROOT / document).read_text()):
        assert ((ROOT / document).parent / target).exists(), target


def test_the_way_of_one_event_is_told_in_full() -> None:
    told = (ROOT / "docs" / "one-event.md").read_text()
    assert len([name for _, name in PATH.findall(told) if name]) >= 20


def test_every_row_of_the_reliability_matrix_names_tests_that_exist() -> None:
    tests = {path.relative_to(ROOT / "tests").as_posix() for path in ROOT.glob("tests/**/test_*.py")}
    named = re.findall(r"`(?:…/)?([\w/]*test_\w+\.py)`", (ROOT / "docs" / "reliability.md").read_text())
    assert len(named) >= 40
    assert [name for name in named if not any(test == name or test.endswith(f"/{name}") for test in tests)] == []
