"""Names are descriptive: no banned words, nouns for modules, one meaning per class name (docs/glossary.md)."""

import pytest

from tests.architecture import names
from tests.architecture.source import Module, modules, supporting_modules


@pytest.fixture(scope="module")
def product() -> list[Module]:
    return [module for module in modules() if not module.is_migration]


def test_no_name_is_banned(product: list[Module]) -> None:
    assert sorted({f"{path}: {name}" for path, name in names.banned_names(product)}) == []


def test_no_name_in_tests_is_banned() -> None:
    """Names of test functions are sentences, in which such a word may be the right one."""
    found = names.banned_names(supporting_modules())
    assert sorted({f"{path}: {name}" for path, name in found if not name.startswith("test_")}) == []


def test_modules_are_named_by_nouns(product: list[Module]) -> None:
    assert names.modules_in_ing(product) == []


def test_a_module_name_has_one_meaning(product: list[Module]) -> None:
    """In different members, only conventional names and the nouns of the glossary are the same."""
    assert names.homonym_modules(product) == {}


def test_a_class_name_has_one_meaning(product: list[Module]) -> None:
    assert names.homonym_classes(product) == {}


@pytest.mark.parametrize(
    ("name", "banned"),
    [
        ("take_one", True),
        ("_told", True),
        ("Past", True),
        ("of", True),
        ("slot_of", False),
        ("Item", True),
        ("IngestItem", False),
        ("drawing", False),
    ],
)
def test_banned_words_are_found_within_names(name: str, banned: bool) -> None:
    assert names.is_banned(name) is banned


def test_public_docstrings_begin_with_a_verb(product: list[Module]) -> None:
    odd = [
        f"{module.path}:{function.lineno} {function.name}"
        for module in product
        for function in module.public_functions()
        if names.begins_with_verb(function) is False
    ]
    assert odd == []
