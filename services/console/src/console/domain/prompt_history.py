"""A prompt's past, and what was seen of it around Ratchet, as pages show them (pure)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from console.domain.side_by_side import DiffRow, Document, diff_rows, lines_of, unfilled
from ratchet.formatting import short_digest

Item = Mapping[str, Any]
_TEXTS = 6


@dataclass(frozen=True, slots=True)
class VersionChoice:
    """A version that can be picked, told in a line."""

    digest: str
    label: str


@dataclass(frozen=True, slots=True)
class ObservedVersion:
    """A digest that was observed. `against` is what its text is compared with, the digest that ran before where nothing
    is live; `differs` and `text` are None where a text is not known."""

    item: Item
    live: bool
    against: str | None
    differs: list[DiffRow] | None
    text: list[str] | None


@dataclass(frozen=True, slots=True)
class RollbackPreview:
    """What going back `to` a version changes, and what apps do not fill in for it; `rows` is None where a text is not
    known."""

    to: str | None
    rows: list[DiffRow] | None
    unfilled: list[str]


def rollback_preview(documents: Mapping[str, Document], live: str | None, to: str | None) -> RollbackPreview:
    """From what is live to another version."""
    before, after = documents.get(live or ""), documents.get(to or "")
    if before is None or after is None:
        return RollbackPreview(to, None, [])
    return RollbackPreview(to, diff_rows(before, after), unfilled(before, after))


def version_choices(versions: Iterable[Item], observed: Iterable[Item], *others: str | None) -> list[VersionChoice]:
    """Every digest once: what was live, the newest first, then what was only observed, then `others`."""
    labels: dict[str, str] = {}
    for version in versions:
        labels.setdefault(version["digest"], f"number {version['sequence']}")
    for seen in observed:
        labels.setdefault(seen["digest"], "observed" if seen["content_known"] else "observed, text unknown")
    for digest in filter(None, others):
        labels.setdefault(digest, "a version")
    return [VersionChoice(digest, f"{label} · {short_digest(digest)}") for digest, label in labels.items()]


def rollback_choices(
    versions: Sequence[Item], whole: bool, previous: str | None, live: str | None
) -> list[VersionChoice]:
    """What one can go back to: the version before first, then whatever else was live here, and what ran before all of
    them. `whole`: the versions, newest first, reach back to the first one."""
    before = versions[-1]["base_digest"] if versions and whole else None
    found = version_choices(versions, ())
    numbered = {choice.digest for choice in found}
    for digest in dict.fromkeys(filter(None, (previous, before))):
        if digest not in numbered:
            found.append(VersionChoice(digest, f"what ran before Ratchet · {short_digest(digest)}"))
    return sorted((each for each in found if each.digest != live), key=lambda each: each.digest != previous)


def texts_wanted(observed: Sequence[Item], *others: str | None) -> list[str]:
    """The digests whose texts a page shows: some of the newest observed ones whose content is known, and `others`."""
    known = [seen["digest"] for seen in observed[: _TEXTS + 1] if seen["content_known"]]
    return list(dict.fromkeys([*filter(None, others), *known]))


def observed_versions(
    observed: Sequence[Item], documents: Mapping[str, Document], live: str | None
) -> list[ObservedVersion]:
    """Each observed digest with what it changed: against what is live, else against what was seen before it."""
    found = []
    for place, item in enumerate(observed):
        digest = item["digest"]
        older = next((it["digest"] for it in observed[place + 1 :] if it["digest"] in documents), None)
        against = older if live is None or live == digest else live
        found.append(_seen(item, documents, against, live == digest))
    return found


def _seen(item: Item, documents: Mapping[str, Document], against: str | None, live: bool) -> ObservedVersion:
    document = documents.get(item["digest"])
    base = documents.get(against) if against else None
    differs = diff_rows(base, document) if document and base else None
    return ObservedVersion(item, live, against, differs, lines_of(document) if document else None)
