"""Branch, title and description of a pull request. What comes from users or targets is escaped and bounded."""

import re
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime

from proposer.domain.boundary_checks import BoundaryCheck
from proposer.domain.prompt_homes import PromptHome
from proposer.domain.pull_requests import PullRequest
from ratchet.sanitize import visible
from shared.events.proposals import ProposalReady
from shared.events.quality import RegressionDetected
from shared.metric_format import format_change, format_value, unit_of

MAX_BODY = 60_000
"""Characters: GitHub takes 65,536."""
_MAX_DIFF = 20_000
_MAX_TITLE = 200
_SPECIAL = re.compile(r"([\\`*_{}\[\]()<>#+!|~&@:$=^-])")
_VERBS = {
    "restore": "restore",
    "rollback": "roll back",
    "few_shot": "renew the examples of",
    "instruction": "sharpen",
    "edit": "edit",
}


def branch_name(target: str, at: datetime) -> str:
    """Return `self-improving/<target>-<yyyymmdd-hhmm>` (UTC), a valid name of a branch for any target."""
    return f"self-improving/{target_slug(target)}-{at.astimezone(UTC):%Y%m%d-%H%M}"


def target_slug(target: str) -> str:
    """Return a target's name for branches and files: letters, digits, `_` and `-`, at most 60."""
    folded = unicodedata.normalize("NFKC", target)
    return re.sub(r"[^A-Za-z0-9_-]+", "-", folded).strip("-")[:60].strip("-") or "target"


def title(pull: PullRequest) -> str:
    """Return `improve(<target>): …` in one line; also the commit's subject."""
    target, name = _harmless(pull.target), _harmless(pull.key.name)
    found = pull.regression
    if found is None:
        return f"improve({target}): {_VERBS.get(pull.proposal.kind, 'change')} {name}"[:_MAX_TITLE]
    return f"improve({target}): address {_harmless(found.metric)} {_change(found)} regression"[:_MAX_TITLE]


def commit_message(pull: PullRequest) -> str:
    """Return the message of the commit: the title, what it replaces, and that a person decides."""
    proposal = pull.proposal
    return (
        f"{title(pull)}\n\nReplaces {proposal.base_digest} by\n{proposal.digest}.\n\n"
        f"Proposed by Ratchet, proposal {pull.proposal_id}. Not merged without a person.\n"
    )


def description(pull: PullRequest, home: PromptHome, checks: Sequence[BoundaryCheck], artifacts: str | None) -> str:
    """Return the description in Markdown, at most `MAX_BODY` characters. `artifacts`: where the reports are."""
    proposal = pull.proposal
    parts = [
        "## Self-Improving Loop Proposal\n",
        *_head(pull),
        "\n### Evidence",
        *_evidence(pull, artifacts),
        "\n### Evaluation",
        _evaluation(pull),
        "\n### Hypothesised cause",
        _cause(pull.regression),
        "\n### Proposed fix",
        f"{_VERBS.get(proposal.kind, 'change').capitalize()} {code(pull.key.name)} in {code(home.path)}:",
        diff_block(proposal.diff),
        "\n### Acceptance criteria",
        *_criteria(proposal),
        "\n### Rollback",
        f"{code(proposal.rollback_digest or 'nothing')} holds the content before this change; reverting the commit "
        f"restores it in the repository (base {code(pull.base_sha or 'unknown')}).",
        "\n### Compliance",
        *(f"- [{'x' if check.passed else ' '}] {code(check.name)}: {escape(check.evidence)}" for check in checks),
        "\nThis is a draft. Ratchet cannot merge it, and merging it authorises nothing in Ratchet: it changes a prompt "
        "and no weights, and does not train or deploy a model.",
        f"\n<!-- ratchet proposal {pull.proposal_id} -->",
    ]
    return "\n".join(parts)[:MAX_BODY]


def code(text: str) -> str:
    """Return a code span that no content can leave; line breaks and invisible characters are shown escaped."""
    shown = _one_line(text)[:300] or " "
    longest = max((len(run) for run in re.findall(r"`+", shown)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if shown.startswith("`") or shown.endswith("`") else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def escape(text: str) -> str:
    """Return text that Markdown shows as it is: no links, mentions, references, HTML or formatting."""
    return _SPECIAL.sub(r"\\\1", _one_line(text)[:2000]).replace("\\@", "&#64;").replace("\\#", "&#35;")


def diff_block(diff: str) -> str:
    """Return a fenced block that no line can end, with at most 20,000 characters of the difference."""
    shown = diff if len(diff) <= _MAX_DIFF else f"{diff[:_MAX_DIFF]}\n… ({len(diff) - _MAX_DIFF:,} more characters)"
    shown = shown.replace("\r", "")
    longest = max((len(run) for run in re.findall(r"`+", shown)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}diff\n{shown}\n{fence}"


def _head(pull: PullRequest) -> list[str]:
    found = pull.regression
    window = f"{found.window.start:%Y-%m-%dT%H:%MZ} .. {found.window.end:%Y-%m-%dT%H:%MZ}" if found else "none"
    detected = "none: this proposal has no regression"
    if found is not None:
        unit = unit_of(found.metric) if found.unit is None else found.unit
        was, now = (format_value(m.mean, unit) for m in (found.baseline, found.current))
        detected = f"{code(found.metric)} {escape(f'{was} → {now} ({_change(found)})')}"
    return [
        f"**Target**: {code(pull.target)} ({code(pull.key.environment)})",
        f"**Window**: {window}",
        f"**Detected regression**: {detected}",
    ]


def _evidence(pull: PullRequest, artifacts: str | None) -> list[str]:
    found, evidence = pull.regression, pull.proposal.evidence
    lines = [f"- {escape(evidence.summary)}"]
    if found is not None:
        lines.append(
            f"- {len(found.affected_executions)} affected executions (a sample); values: {found.baseline.n:,} before, "
            f"{found.current.n:,} since; regression {code(str(found.regression_id))}"
        )
    if artifacts:
        lines.append(f"- reports: {code(artifacts)}")
    return lines


def _evaluation(pull: PullRequest) -> str:
    found = pull.evaluation
    if found is None:
        return "Not proven: there was no evaluation of this proposal when the pull request was opened."
    difference = "unknown"
    if found.difference is not None and found.low is not None and found.high is not None:
        points = [f"{100 * value:+.1f}" for value in (found.difference, found.low, found.high)]
        difference = f"{points[0]} points of the pass rate ({points[1]} to {points[2]} at {found.level:.0%})"
    return (
        f"**{found.verdict}** on {code(found.dataset)}: {found.cases} independent cases, {found.excluded} excluded "
        f"because the proposal was made from them; {difference}. {escape(found.reason)}\n\n"
        f"Report {code(found.report_digest)}"
    )


def _cause(found: RegressionDetected | None) -> str:
    if found is None or not found.causes:
        return "None: no regression led to this proposal."
    doubt = "" if found.certain else " Other changes came at the same time, so this is not certain."
    return f"{escape(found.causes[0].evidence)}{doubt}"


def _criteria(proposal: ProposalReady) -> list[str]:
    signs = {">=": "≥", "<=": "≤"}
    return [
        f"- [ ] {code(each.metric)} {signs[each.comparison]} {each.threshold:g} over {each.n} values"
        for each in proposal.acceptance
    ] or ["- none"]


def _change(found: RegressionDetected) -> str:
    return format_change(found.delta_pp, found.metric, found.direction, found.change_unit)


def _harmless(text: str) -> str:
    """Return a name for a title: without what forges act on, such as #1, @team, !1 or [skip ci]."""
    return re.sub(r"[\[\]#@!]", "", _one_line(text))[:60]


def _one_line(text: str) -> str:
    return " ".join(visible(text).split())
