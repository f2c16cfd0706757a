"""The view of a proposal for a decision: all of the text that would go live."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from ratchet.cli.output import Exit, block, fail, line
from ratchet.cli.session import get
from ratchet.formatting import NOTHING, short_digest
from ratchet.prompt import Prompt, PromptError, foreign_syntax, parse, unified


def show_proposal(found: Mapping[str, Any], *, err: bool = False) -> None:
    """Print a proposal: author, reason, criteria, examples, and the diff, or the whole text of a first version."""
    line(f"{found['name']} ({found['kind']}, {found['state']}) by {found['author']}", err=err)
    line(f"why: {found.get('evidence', {}).get('summary', '')}", err=err)
    line(f"base {short_digest(found['base_digest'])}", err=err)
    line(f"new  {short_digest(found['digest'])}  ({found['digest']})", err=err)
    if decision := found.get("decision"):
        line(f"{decision['verdict']} by {decision['by']}: {decision.get('reason') or 'no reason given'}", err=err)
    for criterion in found.get("acceptance", ()):
        expected = "expected: {metric} {comparison} {threshold} over {n} values".format_map(criterion)
        line(f"{expected}{_outcome(criterion.get('outcome'))}", err=err)
    if evaluation := found.get("evaluation"):
        line(f"evaluation: {evaluation['verdict']}, {evaluation['reason']}; {evaluation['cases']} cases", err=err)
    if awaited := found.get("awaited_evaluation"):
        line(
            f"another evaluation is requested, by {awaited['by'] or 'the server'}: attempt {awaited['attempt']}",
            err=err,
        )
    for example_set in found.get("example_sets", ()):
        for example in example_set.get("examples", ()):
            line(f"example for {example_set.get('slot')}:", err=err)
            block(f"  in:  {example.get('input')}\n  out: {example.get('output')}", err=err)
    new = _document(found.get("document"))
    for syntax in foreign_syntax(new) if new else ():
        line(f"warning: {syntax} is not a variable here and is sent to the model unchanged", err=err)
    block(text_of(found), escaped=True, err=err)


def _outcome(outcome: Mapping[str, Any] | None) -> str:
    """Return what became of a criterion since the promotion; nothing for a proposal that is not live."""
    if outcome is None:
        return ""
    state = {"met": "met", "not_met": "not met"}.get(outcome["state"], "undecided")
    mean = "none" if outcome["mean"] is None else f"{outcome['mean']:.4g}"
    return f" ({state}: {mean} over {outcome['counted']} since the promotion)"


def show_rollback(name: str, to_digest: str | None) -> str:
    """Print what a rollback changes, on stderr; return its digest. End the command if there is no such version."""
    answer = get("reviewer", f"/v1/prompts/{quote(name, safe='')}/versions", limit=100)
    items: list[dict[str, Any]] = answer["items"]
    if not items:
        fail(f"no version of {name} is live", Exit.NOT_FOUND)
    target = to_digest or answer.get("previous")
    if target is None:
        fail(f"{name} has no previous version", Exit.CONFLICT)
    line(f"{name}: roll back from {items[0]['digest']} to {target}", err=True)
    known = next((item for item in items if item["digest"] == target), None)
    new = _document((known or get("reviewer", f"/v1/versions/{target}")).get("document"))
    if new is not None:
        block(difference(_document(items[0].get("document")), new, items[0]["digest"]), escaped=True, err=True)
    return str(target)


def text_of(found: Mapping[str, Any]) -> str:
    """Return what a proposal changes, computed from its documents, or the server's diff where they can't be read.

    Ends the command where the document does not have the digest of the proposal.
    """
    new = _document(found.get("document"))
    if new is None:
        return str(found.get("diff", ""))
    if new.digest != found["digest"]:
        fail(f"the document has the digest {new.digest}, but the proposal names {found['digest']}", Exit.FAILED)
    return difference(_document(found.get("rollback")), new, str(found.get("base_digest") or NOTHING))


def difference(old: Prompt | None, new: Prompt, base: str) -> str:
    """Return a unified diff; where there is no old text, the whole new one as additions."""
    return unified(old, new, names=(short_digest(base), short_digest(new.digest)))


def _document(value: object) -> Prompt | None:
    """Return a parsed document; None where this version can't parse it."""
    try:
        return None if value is None else parse(value)
    except PromptError:
        return None
