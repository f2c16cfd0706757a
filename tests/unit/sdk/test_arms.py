"""Arms of rollouts in the client: who gets the candidate, and what executions say."""

import json
from typing import Any

import pytest

from ratchet.client.arms import CandidateArm, Units, arm_of, assign_arm
from ratchet.client.prompt_cache import PromptCache
from ratchet.client.prompt_verification import Trust, UntrustedPrompt, verify_live_prompt
from ratchet.client.prompts import ServedPrompt
from ratchet.client.record_arguments import execution
from ratchet.prompt import from_text
from ratchet.prompt.buckets import bucket_of, is_candidate
from ratchet.signing import arms_bytes, key_id, live_bytes, new_private_key, public_key, sign

PRIVATE = new_private_key()
PUBLIC = public_key(PRIVATE)
TRUST = Trust({key_id(PUBLIC): PUBLIC})
BASE, CANDIDATE = from_text("Answer."), from_text("Answer briefly.")


def live(**arms: Any) -> dict[str, Any]:
    """Return a signed payload whose candidate gets half of the users."""
    payload: dict[str, Any] = {
        "project": "acme", "environment": "production", "name": "answer", "target": "bot", "sequence": 3,
        "digest": BASE.digest, "document": BASE.to_dict(), "examples": {}, "reason": "promoted",
        "authorisation": {"kind": "decision", "id": "d", "by": "ann"},
        "rollout": {"rollout_id": "r", "plan_digest": "p", "weight": 5_000, "salt": "salt", "unit": "user",
                    "digest": CANDIDATE.digest, "document": CANDIDATE.to_dict(), "examples": {}, **arms},
    }  # fmt: skip
    payload["signature"] = {"key_id": key_id(PUBLIC), "value": sign(PRIVATE, live_bytes(payload))}
    payload["rollout"]["signature"] = {"key_id": key_id(PUBLIC), "value": sign(PRIVATE, arms_bytes(payload))}
    return payload


def cache() -> PromptCache:
    made = PromptCache(TRUST)
    assert made.accept_prompt(live(), frozenset({"answer"}))
    return made


def recorded_arm(served: ServedPrompt, **fields: Any) -> str | None:
    """Return the arm in the body of an execution."""
    arm: str | None = json.loads(execution("e", None, [served], fields).encode().encoded).get("arm")
    return arm


def test_buckets_are_uniform_and_of_any_text() -> None:
    counts = [0] * 10
    for number in range(10_000):
        counts[bucket_of("salt", f"user-{number}") // 1_000] += 1
    assert all(900 < count < 1_100 for count in counts)
    assert 0 <= bucket_of("", "\ud800") < 10_000


def test_a_user_keeps_the_arm_and_candidates_stay_as_the_weight_rises() -> None:
    users = [f"user-{number}" for number in range(2_000)]
    arms = [CandidateArm("r", weight, "salt", "user", CANDIDATE, {}) for weight in (500, 2_500)]
    few, more = ({user for user in users if assign_arm(arm, Units(user)) == "candidate"} for arm in arms)
    assert few < more
    assert 60 < len(few) < 140
    assert 420 < len(more) < 580


def test_served_prompt_is_that_of_the_arm_and_executions_say_so() -> None:
    found = {}
    for number in range(20):
        served = cache().serve("answer", None, None, units=Units(f"u{number}"))
        found[served.arm] = served.digest
        assert recorded_arm(served) == served.arm
        assert recorded_arm(served, arm="mine") == "mine"
    assert found == {"base": BASE.digest, "candidate": CANDIDATE.digest}


def test_without_an_id_of_the_unit_the_base_is_served_and_counted_as_such() -> None:
    served = cache().serve("answer", None, None, units=Units(session="s", call="c"))
    assert (served.digest, served.arm) == (BASE.digest, "unassigned")


def test_a_call_is_assigned_anew_where_the_plan_says_so() -> None:
    arms = CandidateArm("r", 5_000, "salt", "execution", CANDIDATE, {})
    assert {assign_arm(arms, Units("ann", "s", call=str(number))) for number in range(30)} == {"base", "candidate"}


def test_an_execution_of_two_rollouts_has_no_arm() -> None:
    assert [arm_of([None, "base"]), arm_of(["base", "candidate"]), arm_of([None])] == ["base", None, None]


@pytest.mark.parametrize(
    "change",
    [{"weight": 9_999}, {"salt": "other"}, {"unit": "session"}, {"document": from_text("Else.").to_dict()},
     {"rollout_id": "s"}, {"digest": BASE.digest}, {"examples": {"shots": []}}],
)  # fmt: skip
def test_altered_arms_are_refused(change: dict[str, Any]) -> None:
    payload = live()
    payload["rollout"] |= change
    with pytest.raises(UntrustedPrompt):
        verify_live_prompt(payload, TRUST, None)


def test_arms_of_another_sequence_are_refused_and_a_payload_without_arms_serves_the_base() -> None:
    payload = live()
    payload["sequence"] = 4
    payload["signature"]["value"] = sign(PRIVATE, live_bytes(payload))
    with pytest.raises(UntrustedPrompt, match="rollout is invalid"):
        verify_live_prompt(payload, TRUST, None)
    del payload["rollout"]
    assert verify_live_prompt(payload, TRUST, None).arms is None


def test_a_client_without_rollouts_verifies_the_base() -> None:
    """Its signed bytes do not include the arms, as before they existed."""
    payload = live()
    before = {name: value for name, value in payload.items() if name != "rollout"}
    assert live_bytes(payload) == live_bytes(before)


@pytest.mark.parametrize("unit_id", ["ann", "bob", "", "ü"])
def test_the_candidate_is_served_below_its_weight(unit_id: str) -> None:
    bucket = bucket_of("salt", unit_id)
    assert not is_candidate("salt", unit_id, bucket)
    assert is_candidate("salt", unit_id, bucket + 1)
