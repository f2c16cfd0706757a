"""Earlier and observed versions of a prompt."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from console.domain.json_object import JsonObject
from console.domain.side_by_side import DiffRow, Document, diff_rows, lines_of, unfilled
from ratchet.formatting import short_digest

_TEXTS = 6


@dataclass(frozen=True, slots=True)
class VersionChoice:
    """A version in a list of choices."""

    digest: str
    label: str


@dataclass(frozen=True, slots=True)
class ObservedVersion:
    """An observed version. `against` is the live version, or the one observed before if nothing is live.

    `differs` and `text` are None if a text is not known.
    """

    item: JsonObject
    live: bool
    against: str | None
    differs: list[DiffRow] | None
    text: list[str] | None


@dataclass(frozen=True, slots=True)
class RollbackPreview:
    """What a rollback `to` a version changes, and the variables that apps don't fill in for it.

    `rows` is None if a text is not known.
    """

    to: str | None
    rows: list[DiffRow] | None
    unfilled: list[str]


def rollback_preview(documents: Mapping[str, Document], live: str | None, to: str | None) -> RollbackPreview:
    """Return the preview of a rollback from the live version to another one."""
    before, after = documents.get(live or ""), documents.get(to or "")
    if before is None or after is None:
        return RollbackPreview(to, None, [])
    return RollbackPreview(to, diff_rows(before, after), unfilled(before, after))


def version_choices(
    versions: Iterable[JsonObject], observed: Iterable[JsonObject], *others: str | None
) -> list[VersionChoice]:
    """Return each version once: live ones, newest first, then observed ones, then `others`."""
    labels: dict[str, str] = {}
    for version in versions:
        labels.setdefault(version["digest"], f"number {version['sequence']}")
    for seen in observed:
        labels.setdefault(seen["digest"], "observed" if seen["content_known"] else "observed, text unknown")
    for digest in filter(None, others):
        labels.setdefault(digest, "a version")
    return [VersionChoice(digest, f"{label} · {short_digest(digest)}") for digest, label in labels.items()]


def rollback_choices(
    versions: Sequence[JsonObject], whole: bool, previous: str | None, live: str | None
) -> list[VersionChoice]:
    """Return the versions to roll back to: the previous one, other live ones, and the one before Ratchet.

    `whole`: `versions`, newest first, include the first one.
    """
    before = versions[-1]["base_digest"] if versions and whole else None
    found = version_choices(versions, ())
    numbered = {choice.digest for choice in found}
    for digest in dict.fromkeys(filter(None, (previous, before))):
        if digest not in numbered:
            found.append(VersionChoice(digest, f"used before Ratchet · {short_digest(digest)}"))
    return sorted((each for each in found if each.digest != live), key=lambda each: each.digest != previous)


def texts_wanted(observed: Sequence[JsonObject], *others: str | None) -> list[str]:
    """Return the digests whose texts the page needs: `others`, and up to seven observed ones with known content."""
    known = [seen["digest"] for seen in observed[: _TEXTS + 1] if seen["content_known"]]
    return list(dict.fromkeys([*filter(None, others), *known]))


def observed_versions(
    observed: Sequence[JsonObject], documents: Mapping[str, Document], live: str | None
) -> list[ObservedVersion]:
    """Return the observed versions with their difference from the live version, else from the one observed before."""
    found = []
    for index, item in enumerate(observed):
        digest = item["digest"]
        older = next((it["digest"] for it in observed[index + 1 :] if it["digest"] in documents), None)
        against = older if live is None or live == digest else live
        found.append(_observed(item, documents, against, live == digest))
    return found


def _observed(item: JsonObject, documents: Mapping[str, Document], against: str | None, live: bool) -> ObservedVersion:
    document = documents.get(item["digest"])
    base = documents.get(against) if against else None
    differs = diff_rows(base, document) if document and base else None
    return ObservedVersion(item, live, against, differs, lines_of(document) if document else None)
