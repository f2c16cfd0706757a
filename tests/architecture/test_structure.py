"""Packages of a member have no import cycles, and SQL is only in storage."""

from pathlib import Path

import pytest

from tests.architecture import sql
from tests.architecture.imports import cycles
from tests.architecture.source import Module, modules


@pytest.fixture(scope="module")
def product() -> list[Module]:
    return [module for module in modules() if not module.is_migration]


def test_no_import_cycles_between_packages(product: list[Module]) -> None:
    assert cycles(product) == []


def test_sql_is_in_storage(product: list[Module]) -> None:
    assert sql.outside_storage(product) == []


def test_docstring_is_not_a_statement(tmp_path: Path) -> None:
    file = tmp_path / "service.py"
    file.write_text('"""Update the world."""\ndef select():\n    """Select a row."""\n    return "select 1"\n')
    assert sql.outside_storage([Module(file, "member/service.py")]) == ["member/service.py:4"]
    assert sql.outside_storage([Module(file, "member/storage/service.py")]) == []
