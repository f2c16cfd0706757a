"""Packages of a member import each other one way, and SQL is in storage."""

from pathlib import Path

import pytest

from tests.architecture import sql
from tests.architecture.imports import circles
from tests.architecture.source import Module, modules


@pytest.fixture(scope="module")
def product() -> list[Module]:
    return [module for module in modules() if not module.is_migration]


def test_no_packages_import_each_other(product: list[Module]) -> None:
    assert circles(product) == []


def test_sql_is_in_storage(product: list[Module]) -> None:
    assert sql.outside_storage(product) == []


def test_a_docstring_is_no_statement(tmp_path: Path) -> None:
    file = tmp_path / "service.py"
    file.write_text('"""Update the world."""\ndef select():\n    """Select a row."""\n    return "select 1"\n')
    assert sql.outside_storage([Module(file, "member/service.py")]) == ["member/service.py:4"]
    assert sql.outside_storage([Module(file, "member/storage/service.py")]) == []
