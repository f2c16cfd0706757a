"""Suggest a fix, as a diff, for each regression whose likely cause is a new prompt version."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from ratchet.prompt import Prompt, smallest_fix, unified
from ratchet_backtest.report import FoundRegression, Report, SuggestedFix

PromptVersionKey = tuple[str, int]
"""A prompt's name, and the number of one of its versions."""
_CONTEXT = 1


def versions_to_compare(report: Report) -> set[PromptVersionKey]:
    """Return the versions whose content is needed."""
    return {version for result in report.results for fall in result.falls for version in _sides(fall)}


def suggest_fixes(report: Report, contents: Mapping[PromptVersionKey, Prompt | str]) -> Report:
    """Return the report with fixes. `contents` has the content of a version, or the reason why it is missing."""
    results = (
        replace(result, falls=tuple(replace(fall, repair=_repair(fall, contents)) for fall in result.falls))
        for result in report.results
    )
    return replace(report, results=tuple(results))


def _sides(fall: FoundRegression) -> Iterator[PromptVersionKey]:
    """Yield the version before and after, if a new prompt version is the most likely cause.

    Yields nothing if there was no version before.
    """
    cause = fall.event.causes[0] if fall.event.causes else None
    if cause is None or cause.kind != "prompt_version" or not cause.name or cause.before == cause.after:
        return
    if cause.before and cause.before.isdecimal() and cause.after and cause.after.isdecimal():
        yield cause.name, int(cause.before)
        yield cause.name, int(cause.after)


def _repair(fall: FoundRegression, contents: Mapping[PromptVersionKey, Prompt | str]) -> SuggestedFix | None:
    sides = list(_sides(fall))
    if not sides:
        return None
    (name, before), (_, after) = sides
    good, bad = (contents.get(side, "it was not read") for side in sides)
    for version, content in ((before, good), (after, bad)):
        if isinstance(content, str):
            return SuggestedFix(name, before, after, None, f"version {version} cannot be compared: {content}", "")
    assert isinstance(good, Prompt)
    assert isinstance(bad, Prompt)
    if good == bad:
        return SuggestedFix(name, before, after, None, "both versions have the same content", "")
    fix = smallest_fix(good, bad)
    heads = (f"{name} {after}", f"{name} {after}, fixed" if fix.kind == "restore" else f"{name} {before}")
    return SuggestedFix(name, before, after, fix.kind, fix.why, unified(bad, fix.prompt, _CONTEXT, heads))
