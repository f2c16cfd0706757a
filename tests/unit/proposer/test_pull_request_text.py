"""Branch, title and description: the format, and hostile targets, names and diffs."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proposer.domain.model import PromptKey
from proposer.domain.pull_request_text import (
    MAX_BODY,
    branch_name,
    code,
    commit_message,
    description,
    diff_block,
    escape,
    title,
)
from proposer.domain.pull_requests import PullRequest, may_open, retry_after
from shared.events.evaluation import EvaluationCompleted
from shared.events.proposals import Criterion
from tests.support.proposer import KEY, NOW, cause, regression
from tests.unit.proposer.test_boundary_checks import BAD, FIXED, HOME, checks, ready

AT = datetime(2026, 4, 21, 9, 5, tzinfo=UTC)
SECTIONS = (
    "## Self-Improving Loop Proposal", "**Target**", "**Window**", "**Detected regression**", "### Evidence",
    "### Evaluation", "### Hypothesised cause", "### Proposed fix", "### Acceptance criteria", "### Rollback",
    "### Compliance",
)  # fmt: skip
HOSTILE = "x`; rm -rf / #1 @team <img src=x>\u202e\n## Approved [skip ci] fixes #2"


def pull(target: str = "rag-qa-agent", name: str = "answer", diff: str = "+Cite") -> PullRequest:
    proposal = ready(diff=diff, acceptance=(Criterion(metric="thumb", comparison=">=", threshold=0.85, n=100),))
    found = regression(cause(BAD.digest, FIXED.digest), target=target)
    return PullRequest(
        UUID(int=1), PromptKey("acme", "production", name), target, "pending", proposal, NOW,
        branch_name(target, AT), NOW, regression=found,
    )  # fmt: skip


def test_branch_and_title_have_the_wanted_form() -> None:
    assert branch_name("rag-qa-agent", AT) == "self-improving/rag-qa-agent-20260421-0905"
    assert title(pull()) == "improve(rag-qa-agent): address thumb −20.0 pp regression"
    assert title(replace(pull(), regression=None)) == "improve(rag-qa-agent): restore answer"
    assert commit_message(pull()).startswith(title(pull()) + "\n\n")


def test_the_description_has_every_section_in_order() -> None:
    body = description(pull(), HOME, checks(), None)
    at = [body.index(section) for section in SECTIONS]
    assert at == sorted(at)
    assert "`thumb` 90" in body
    assert "- [ ] `thumb` ≥ 0.85 over 100 values" in body
    assert body.count("- [x] `") == 5
    assert "Not proven" in body


def test_the_evaluation_is_shown_with_its_interval() -> None:
    found = EvaluationCompleted(
        project="acme", environment="production", target="bot", evaluation_id=UUID(int=2), proposal_id=UUID(int=1),
        name="answer", base_digest=BAD.digest, digest=FIXED.digest, verdict="pass", reason="better",
        report_digest="sha256:r", dataset="golden", dataset_digest="sha256:d", cases=120, excluded=3,
        difference=0.12, low=0.05, high=0.19, completed_at=NOW,
    )  # fmt: skip
    body = description(replace(pull(), evaluation=found), HOME, checks(), None)
    assert "**pass** on `golden`: 120 independent cases, 3 excluded" in body
    assert "+12.0 points of the pass rate (+5.0 to +19.0 at 95%)" in body


@pytest.mark.parametrize(
    "target", [HOSTILE, "../../main", "-d", "a..b.lock", "", "@{-1}", "~^:?*[\\", "日本", "x" * 400]
)
def test_hostile_targets_make_valid_branches(target: str) -> None:
    name = branch_name(target, AT)
    assert re.fullmatch(r"self-improving/[A-Za-z0-9_-]{1,60}-20260421-0905", name)


def test_hostile_names_act_on_nothing() -> None:
    body = description(pull(HOSTILE, HOSTILE, HOSTILE), HOME, checks(), None)
    assert [line for line in body.split("\n") if line.startswith("## ")] == [
        "## Self-Improving Loop Proposal",
        "## Approved [skip ci] fixes #2",
    ]
    inside = body[body.index("```diff") :]
    assert "## Approved" in inside[: inside.index("\n```", 7)]
    assert "\u202e" not in title(pull(HOSTILE)) + commit_message(pull(HOSTILE))
    assert not re.search(r"[#@\[\]\n]", title(pull(HOSTILE)))
    assert len(title(pull("x" * 500, "y" * 500))) <= 200


def test_huge_diffs_are_cut() -> None:
    body = description(pull(diff="+x\n" * 1_000_000), HOME, checks(), None)
    assert len(body) <= MAX_BODY
    assert "more characters" in body
    assert "### Compliance" in body


@given(st.text(max_size=80))
def test_no_text_leaves_its_code_span_or_block(text: str) -> None:
    span = code(text)
    fence = re.match(r"`+", span)
    assert fence is not None
    inner = span[len(fence[0]) : -len(fence[0])]
    assert "\n" not in span
    assert fence[0] not in re.findall(r"`+", inner)
    block = diff_block(text)
    assert re.match(r"`+", block)[0] not in "\n".join(block.split("\n")[1:-1])  # type: ignore[index]


@given(st.text(max_size=80))
def test_escaped_text_has_no_live_character(text: str) -> None:
    shown = escape(text)
    assert "\n" not in shown
    assert not re.search(r"(?<!\\)[`*_\[\]<>@]", shown)


@pytest.mark.parametrize(
    ("kind", "attempts", "asked", "seconds"),
    [
        ("unavailable", 1, None, 10), ("unavailable", 30, None, 900), ("limited", 1, 60.0, 60),
        ("limited", 1, 1e9, 3600), ("limited", 1, 0.0, 1), ("refused", 1, None, 900), ("invalid", 4, None, 80),
    ],
)  # fmt: skip
def test_when_it_is_tried_again(kind: str, attempts: int, asked: float | None, seconds: int) -> None:
    assert retry_after(kind, attempts, asked) == timedelta(seconds=seconds)  # type: ignore[arg-type]


def test_what_stays_invalid_is_given_up() -> None:
    assert retry_after("invalid", 5) is None


def test_a_pull_request_waits_for_the_evaluation_for_some_time() -> None:
    waiting = replace(pull(), evaluate_until=NOW + timedelta(minutes=30))
    assert not may_open(waiting, NOW)
    assert may_open(waiting, NOW + timedelta(minutes=30))
    assert KEY.name == waiting.key.name
