"""Each member declares the distributions that it imports, with one version range in the whole repository."""

from collections import defaultdict
from pathlib import Path

import pytest

from tests.architecture.declarations import distributions, members, requirements, undeclared

ROOT = Path(__file__).parents[2]
MEMBERS = members(ROOT)


@pytest.fixture(scope="module")
def providers() -> dict[str, set[str]]:
    return distributions(ROOT)


@pytest.mark.parametrize("member", MEMBERS, ids=lambda member: member.name)
def test_a_member_declares_what_it_imports(member: Path, providers: dict[str, set[str]]) -> None:
    assert undeclared(member, providers) == []


def test_a_distribution_has_one_version_range() -> None:
    ranges: dict[str, set[str]] = defaultdict(set)
    for member in MEMBERS:
        for name, specifier in requirements(member).items():
            ranges[name].add(specifier)
    assert {name: found for name, found in ranges.items() if len(found) > 1} == {}


def test_undeclared_import_is_detected(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "module.py").write_text("import json\nimport httpx\nfrom rich.table import Table\n")
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "member"\ndependencies = ["rich>=14"]\n[tool.uv.build-backend]\nmodule-name = "module"\n'
    )
    assert undeclared(tmp_path, {"httpx": {"httpx"}, "rich": {"rich"}}) == ["httpx"]
