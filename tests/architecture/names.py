"""Rules for names: banned words, and verbs that begin docstrings."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator

from tests.architecture.source import Module


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


BANNED = _words(
    """
    desk take took told tell tells telling settle settles anew trouble troubles deed deeds bell ring door doors
    away raised cried mind calm past bars barred
    """
)
"""Banned words: each has a standard term (docs/glossary.md)."""
BANNED_ALONE = frozenset({"of", "one", "some", "item", "place"})
"""Words that are no name by themselves, but may be part of one."""
FILE_METHODS = frozenset({"tell"})
"""Methods that Python's file objects must have, whatever they are called."""
NOUNS_IN_ING = frozenset(
    {
        "logging",
        "routing",
        "sampling",
        "scoring",
        "onboarding",
        "testing",
        "signing",
        "messaging",
        "formatting",
        "rendering",
        "ranking",
    }
)
"""Modules and packages that may end in -ing: the standard term of the field."""
CONVENTIONAL = _words(
    """
    __init__ __main__ app settings handlers maintenance service repository api model tables queries events errors
    types config runner source env retry http main
    command command_options parameters response_models schemas catalog definition report phrases
    """
)
"""File names that repeat with one meaning, by the layout of services."""
GLOSSARY = _words(
    """
    acceptance annotation annotation_tasks audit bisection bisections cases dataset_cases datasets decisions erasure
    erasures evaluation evaluations executions grants instances judges keys messages metrics operations people prompts
    proposals quality regressions rollouts session sessions sources tool_calls topics
    """
)
"""Nouns of docs/glossary.md and of the API: in every member a module of this name is about the same concept."""
ONE_MEANING = frozenset({"Consent"})
"""Classes that exist twice with the same meaning: the SDK's form of a value, and the event's."""
NOT_VERBS = _words(
    """
    the a an all what which who whose whether when where how why one each every some this that these no none if in
    on of for from by with without as at its it there their our nothing everything so
    """
)
"""First words of docstrings that are not a verb in the imperative."""


def words_of(name: str) -> list[str]:
    """Return the lower-case words of a name in snake case or camel case."""
    return [word.lower() for word in re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])", name)]


def is_banned(name: str) -> bool:
    words = words_of(name)
    return bool(BANNED & set(words)) or (len(words) == 1 and words[0] in BANNED_ALONE)


def banned_names(modules: Iterable[Module]) -> Iterator[tuple[str, str]]:
    """Yield (path, name) of each module, class, function and parameter with a banned name."""
    for module in modules:
        if module.is_migration:
            continue
        if is_banned(module.name):
            yield module.path, module.name
        for node in module.classes():
            if is_banned(node.name):
                yield module.path, node.name
        for function in module.functions():
            arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
            if is_banned(function.name) and function.name not in FILE_METHODS:
                yield module.path, function.name
            for name in (argument.arg for argument in arguments):
                if is_banned(name) and name != "item":  # "item" is the usual name in a loop or a function
                    yield module.path, name


def modules_in_ing(modules: Iterable[Module]) -> list[str]:
    """Return the paths of modules named by an activity instead of a noun."""
    return [m.path for m in modules if m.name.endswith("ing") and m.name not in NOUNS_IN_ING]


def homonym_modules(modules: Iterable[Module]) -> dict[str, list[str]]:
    """Return file names that several members use, except conventional ones and the glossary's nouns: name → paths.

    Within a member a noun may repeat in each layer (`domain/candidates.py`, `storage/candidates.py`).
    """
    found: dict[str, list[str]] = defaultdict(list)
    for module in modules:
        if module.name not in CONVENTIONAL | GLOSSARY and not module.is_migration:
            found[module.name].append(module.path)
    return {name: paths for name, paths in found.items() if len({path.split("/")[0] for path in paths}) > 1}


def homonym_classes(modules: Iterable[Module]) -> dict[str, list[str]]:
    """Return public class names that exist several times: name → paths. Each service may have one `Handlers`."""
    found: dict[str, list[str]] = defaultdict(list)
    for module in modules:
        for node in module.classes():
            if not node.name.startswith("_") and node.name not in {"Handlers", *ONE_MEANING}:
                found[node.name].append(module.path)
    return {name: paths for name, paths in found.items() if len(paths) > 1}


def begins_with_verb(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool | None:
    """Return whether the docstring begins with an imperative verb, judged by its form; None without a docstring.

    An imperative verb has no -s, -ed or -ing and is no article, pronoun, preposition or question word.
    """
    text = ast.get_docstring(function)
    if not text:
        return None
    word = re.split(r"[\s,.:;]", text.strip(), maxsplit=1)[0].strip("`*()").lower()
    if not word.isalpha() or word in NOT_VERBS:
        return False
    return not (word.endswith(("ed", "ing")) or (word.endswith("s") and not word.endswith(("ss", "us"))))
