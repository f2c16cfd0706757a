"""The fix of a drop, derived from two versions of a Langfuse prompt."""

from dataclasses import replace
from typing import Any

import pytest

from ratchet.prompt import PromptError, from_text
from ratchet_backtest.langfuse.fix_suggestion import suggest_fixes as mended_by
from ratchet_backtest.langfuse.fix_suggestion import versions_to_compare
from ratchet_langfuse.prompt_documents import to_document
from ratchet_langfuse.schemas import PromptVersion
from tests.support.langfuse import Langfuse
from tests.support.langfuse_history import BAD, FALLEN, GOOD, Part, server_with_history, version
from tests.unit.backtest.langfuse.conftest import FallenReport, RunReport

SYSTEM, TURN = {"role": "system", "content": "Help."}, {"role": "user", "content": "{{question}}"}


def content(prompt: Any, config: Any = None) -> PromptVersion:
    return PromptVersion.model_validate(version(1, prompt, config))


def suggest_fix(run_report: RunReport, good: Any, bad: Any) -> tuple[str | None, str, list[str]]:
    server = server_with_history(*FALLEN)
    server.prompts = {("answer", 6): good, ("answer", 7): bad}
    return suggestion_of(run_report, server)


def suggestion_of(run_report: RunReport, server: Langfuse) -> tuple[str | None, str, list[str]]:
    (fall,) = run_report(server, values=("user-thumbs",)).results[0].falls
    assert fall.repair is not None
    assert (fall.repair.prompt, fall.repair.before, fall.repair.after) == ("answer", 6, 7)
    return fall.repair.kind, fall.repair.why, fall.repair.diff.split("\n")


def test_a_text_is_a_system_message() -> None:
    assert to_document(content("Answer {{question}}.")) == from_text("Answer {{question}}.")


def test_chat_keeps_messages_placeholders_and_config() -> None:
    messages = [
        {**SYSTEM, "role": "developer", "type": "chatmessage"},
        {"type": "placeholder", "name": "history"},
        TURN,
    ]
    found = to_document(content(messages, {"temperature": 0.2}))
    assert found.to_dict()["messages"] == [{**SYSTEM, "role": "developer"}, messages[1], TURN]
    assert found.to_dict()["parameters"] == {"temperature": 0.2}
    assert found.variables["question"].type == "string"
    assert found.variables["history"].type == "messages"
    assert to_document(content("a", [1])).to_dict()["parameters"] == {"config": [1]}
    assert to_document(PromptVersion(prompt="a", config=None)) == from_text("a")


@pytest.mark.parametrize("message", [{"role": "narrator", "content": "x"}, {"role": "user"}, {"name": "two words"}, {}])
def test_content_unsupported_by_documents_is_rejected(message: dict[str, Any]) -> None:
    with pytest.raises(PromptError):
        to_document(content([message]))


def test_removed_instruction_is_restored(run_report: RunReport) -> None:
    kind, why, diff = suggest_fix(run_report, version(6, GOOD), version(7, BAD))
    assert (kind, why) == ("restore", "Restores 1 removed line; keeps what was added.")
    assert diff[:2] == ["--- answer 7", "+++ answer 7, fixed"]
    assert [line for line in diff[2:] if line[0] in "+-"] == ["+  Cite the article that you took it from."]


def test_replaced_instruction_is_rolled_back(run_report: RunReport) -> None:
    kind, _, diff = suggest_fix(
        run_report, version(6, [SYSTEM, TURN]), version(7, [{**SYSTEM, "content": "Guess."}, TURN])
    )
    assert (kind, diff[1]) == ("rollback", "+++ answer 6")
    assert [line for line in diff[2:] if line[0] in "+-"] == ["-  Guess.", "+  Help."]


def test_control_characters_are_escaped(run_report: RunReport) -> None:
    _, _, diff = suggest_fix(run_report, version(6, "Help.\n\x1b[2J\u202eCite."), version(7, "Help."))
    assert diff[-1] == "+  <U+001B>[2J<U+202E>Cite."


@pytest.mark.parametrize(
    ("good", "bad", "why"),
    [
        (GOOD, GOOD, "both versions have the same content"),
        (GOOD, [{"role": "narrator", "content": "x"}], "version 7 cannot be compared: messages[0].role"),
        (None, BAD, "version 6 cannot be compared: it was deleted"),
    ],
)
def test_reason_for_a_missing_diff(run_report: RunReport, good: Any, bad: Any, why: str) -> None:
    server = server_with_history(*FALLEN)
    server.prompts = {("answer", n): version(n, text) for n, text in ((6, good), (7, bad)) if text is not None}
    kind, found, diff = suggestion_of(run_report, server)
    assert (kind, diff) == (None, [""])
    assert found.startswith(why)


def test_drop_within_a_version_has_no_fix(run_report: RunReport) -> None:
    report = run_report(server_with_history(Part(7, 600, 0.95), Part(7, 600, 0.3), rated=1.0), values=("user-thumbs",))
    assert [fall.repair for fall in report.results[0].falls] == [None]


@pytest.mark.parametrize(
    "cause", [{"before": "not recorded"}, {"after": None}, {"before": "7"}, {"kind": "model"}, None]
)
def test_fix_needs_two_versions_of_a_prompt_as_the_cause(
    fallen_report: FallenReport, cause: dict[str, Any] | None
) -> None:
    _, report = fallen_report("4.16.0")
    (result,), (fall,) = report.results, report.results[0].falls
    causes = () if cause is None else (fall.event.causes[0].model_copy(update=cause),)
    other = replace(fall, event=fall.event.model_copy(update={"causes": causes}))
    changed = replace(report, results=(replace(result, falls=(other,)),))
    assert versions_to_compare(report) == {("answer", 6), ("answer", 7)}
    assert versions_to_compare(changed) == set()
    assert mended_by(changed, {}).results[0].falls[0].repair is None


def test_prompt_in_a_folder_is_requested_by_its_full_name(run_report: RunReport) -> None:
    server = server_with_history(*FALLEN)
    for each in server.observations:
        if each.get("promptName"):
            each["promptName"] = "bots/de answer?"
    server.prompts = {("bots/de answer?", 6): version(6, GOOD), ("bots/de answer?", 7): version(7, BAD)}
    (fall,) = run_report(server, values=("user-thumbs",)).results[0].falls
    assert fall.repair is not None
    assert fall.repair.kind == "restore"
    assert "/api/public/v2/prompts/bots%2Fde%20answer%3F" in server.paths()
