"""For each fall that is blamed on a new version of a prompt: what would put it back, as a diff. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from ratchet.prompt import Prompt, smallest_fix, unified
from ratchet_backtest.report import Fall, Repair, Report

Version = tuple[str, int]
"""A prompt's name, and the number of one of its versions."""
_CONTEXT = 1


def versions_to_compare(report: Report) -> set[Version]:
    """The versions whose content is needed."""
    return {version for result in report.results for fall in result.falls for version in _sides(fall)}


def suggest_fixes(report: Report, contents: Mapping[Version, Prompt | str]) -> Report:
    """The report with what would put each fall back. For a version there is its content, or why it is not known."""
    results = (
        replace(result, falls=tuple(replace(fall, repair=_repair(fall, contents)) for fall in result.falls))
        for result in report.results
    )
    return replace(report, results=tuple(results))


def _sides(fall: Fall) -> Iterator[Version]:
    """The version before and the one after, if a new version of a prompt is the likeliest cause.

    Answers may have had no version before: then there is nothing to go back to.
    """
    cause = fall.event.causes[0] if fall.event.causes else None
    if cause is None or cause.kind != "prompt_version" or not cause.name or cause.before == cause.after:
        return
    if cause.before and cause.before.isdecimal() and cause.after and cause.after.isdecimal():
        yield cause.name, int(cause.before)
        yield cause.name, int(cause.after)


def _repair(fall: Fall, contents: Mapping[Version, Prompt | str]) -> Repair | None:
    sides = list(_sides(fall))
    if not sides:
        return None
    (name, before), (_, after) = sides
    good, bad = (contents.get(side, "it was not read") for side in sides)
    for version, content in ((before, good), (after, bad)):
        if isinstance(content, str):
            return Repair(name, before, after, None, f"version {version} can't be compared: {content}", "")
    assert isinstance(good, Prompt)
    assert isinstance(bad, Prompt)
    if good == bad:
        return Repair(name, before, after, None, "both versions have the same content", "")
    fix = smallest_fix(good, bad)
    heads = (f"{name} {after}", f"{name} {after}, mended" if fix.kind == "restore" else f"{name} {before}")
    return Repair(name, before, after, fix.kind, fix.why, unified(bad, fix.prompt, _CONTEXT, heads))
