"""Files, functions, modules and links that the documentation names exist."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = [ROOT / "sdk/src", ROOT / "shared/src", *ROOT.glob("services/*/src")]
DOCUMENTS = sorted(
    path.relative_to(ROOT).as_posix()
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("*/README.md"), *ROOT.glob("*/*/README.md")]
)
RECORDS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
_TOP = "sdk|services|shared|deploy|tests|docs|benchmarks|backtest|evaluation|langfuse"
PATH = re.compile(rf"`((?:{_TOP})/[\w./-]+\.\w+)`(?: ·\s+`([\w.]+)`)?")
LINK = re.compile(r"\]\((?!https?:)([^)#]+)[^)]*\)")
GLOSSARY_NAME = re.compile(
    r"`((?:ratchet|shared|collector|analyzer|proposer|evaluator|gatekeeper|console)(?:\.\w+)+)` \|$", re.M
)


def names_in(path: Path) -> set[str]:
    """Return functions, classes, assigned names, and `Class.method` of a Python file."""
    found: set[str] = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            members = (m for m in node.body if isinstance(m, ast.FunctionDef | ast.AsyncFunctionDef))
            found |= {f"{node.name}.{member.name}" for member in members}
        if isinstance(node, ast.ImportFrom):
            found |= {alias.asname or alias.name for alias in node.names}
    return found


def module_file(name: str) -> Path | None:
    """Return the file of a dotted module name, or None."""
    below = name.replace(".", "/")
    candidates = (source / f"{below}{end}" for source in SOURCES for end in (".py", "/__init__.py"))
    return next((path for path in candidates if path.exists()), None)


def exists(dotted: str) -> bool:
    """Return whether `package.module` or `package.module.Name` exists."""
    module, _, name = dotted.rpartition(".")
    if module_file(dotted):
        return True
    path = module_file(module)
    return path is not None and name in names_in(path)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_named_files_and_functions_exist(document: str) -> None:
    for path, name in PATH.findall((ROOT / document).read_text()):
        assert (ROOT / path).exists(), path
        assert not name or name in names_in(ROOT / path), f"{path} · {name}"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_point_to_existing_files(document: str) -> None:
    for target in LINK.findall((ROOT / document).read_text()):
        assert ((ROOT / document).parent / target).exists(), target


def test_names_in_the_glossary_exist() -> None:
    names = GLOSSARY_NAME.findall((ROOT / "docs" / "glossary.md").read_text())
    assert len(names) >= 30
    assert [name for name in names if not exists(name)] == []


def test_each_decision_record_has_a_revisit_condition() -> None:
    assert [path.name for path in RECORDS if "**Revisit when**" not in path.read_text()] == []


def test_decision_records_are_numbered_from_one() -> None:
    """Two people may give the next number at the same time."""
    assert [int(path.name[:4]) for path in RECORDS] == list(range(1, len(RECORDS) + 1))
    assert [path.read_text().split(".")[0] for path in RECORDS] == [f"# {n}" for n in range(1, len(RECORDS) + 1)]


def test_every_row_of_the_reliability_matrix_names_tests_that_exist() -> None:
    tests = {path.relative_to(ROOT / "tests").as_posix() for path in ROOT.glob("tests/**/test_*.py")}
    named = re.findall(r"`(?:…/)?([\w/]*test_\w+\.py)`", (ROOT / "docs" / "reliability.md").read_text())
    assert len(named) >= 40
    assert [name for name in named if not any(test == name or test.endswith(f"/{name}") for test in tests)] == []
