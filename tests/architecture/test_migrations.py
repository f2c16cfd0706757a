"""The migrations of a service are linear: two with the same predecessor fail here, without PostgreSQL."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = sorted(ROOT.glob("services/*/src/*/**/migrations/versions"))


def revision_of(migration: Path) -> tuple[str, str | None]:
    """Return the revision of a file and its predecessor."""
    values = {
        target.id: ast.literal_eval(node.value)
        for node in ast.parse(migration.read_text()).body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name) and target.id in ("revision", "down_revision")
    }
    return values["revision"], values["down_revision"]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.parts[-3])
def test_migrations_are_linear(folder: Path) -> None:
    files = sorted(folder.glob("*.py"))
    numbers = [f"{number:04}" for number in range(1, len(files) + 1)]
    assert [file.name.partition("_")[0] for file in files] == numbers
    assert [revision_of(file) for file in files] == list(zip(numbers, [None, *numbers], strict=False))


def test_every_service_with_a_schema_is_checked() -> None:
    assert len(FOLDERS) >= 4
