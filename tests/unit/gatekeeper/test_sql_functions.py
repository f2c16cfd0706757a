"""The SQL functions of the boundary: each is defined once, replaceable, and created by a migration."""

import re
from collections import Counter
from pathlib import Path

import pytest

STORAGE = Path(__file__).parents[3] / "services/gatekeeper/src/gatekeeper/storage"
FUNCTIONS = sorted((STORAGE / "functions").glob("*.sql"))
_DEFINITION = re.compile(r"^CREATE (OR REPLACE )?FUNCTION gatekeeper\.(\w+)", re.MULTILINE)


def test_each_function_is_defined_once() -> None:
    found = [match for file in FUNCTIONS for match in _DEFINITION.findall(file.read_text())]
    assert len(found) > 80
    assert all(replaces for replaces, _ in found)
    assert [name for name, count in Counter(name for _, name in found).items() if count > 1] == []


def test_tables_and_functions_are_apart() -> None:
    for file in (STORAGE / "migrations" / "sql").glob("*.sql"):
        assert not _DEFINITION.search(file.read_text()), file.name
    for file in FUNCTIONS:
        assert "CREATE TABLE" not in file.read_text(), file.name


@pytest.mark.parametrize("file", [file for file in FUNCTIONS if file.stem != "rights"], ids=lambda file: file.stem)
def test_each_file_is_applied(file: Path) -> None:
    migrations = (STORAGE / "migrations/versions").glob("*.py")
    assert any(f'"{file.stem}"' in migration.read_text() for migration in migrations)


@pytest.mark.parametrize("file", FUNCTIONS, ids=lambda file: file.stem)
def test_each_function_has_a_fixed_search_path(file: Path) -> None:
    for definition in re.split(r"^(?=CREATE OR REPLACE FUNCTION)", file.read_text(), flags=re.MULTILINE)[1:]:
        assert "SET search_path = pg_catalog" in definition.partition("$$")[0], definition[:80]
