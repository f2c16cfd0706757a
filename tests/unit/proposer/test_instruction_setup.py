"""Settings of drafted instructions: what is missing is refused at the start, with its name."""

from typing import Any

import pytest
from pydantic import ValidationError

from proposer.instruction_setup import draft_rules, drafting_jobs
from proposer.settings import ProposerSettings

URL = "https://model.test/v1"


def settings(**given: Any) -> ProposerSettings:
    return ProposerSettings(database_url="postgresql://x/y", kafka_bootstrap="k:9", **given)


def test_without_an_endpoint_no_model_is_used() -> None:
    found = settings()
    assert not draft_rules(found).model
    assert drafting_jobs(found, None, None, None) == ()  # type: ignore[arg-type]


def test_with_an_endpoint_there_is_a_job_with_its_limits() -> None:
    found = settings(drafting_url=URL, drafting_model="m", success_threshold=0.6, drafting_api_key="k-secret")
    assert (draft_rules(found).model, draft_rules(found).success_threshold) == (True, 0.6)
    assert len(drafting_jobs(found, None, None, None)) == 1  # type: ignore[arg-type]
    assert "k-secret" not in repr(found)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"drafting_url": URL}, "RATCHET_DRAFTING_MODEL"),
        ({"drafting_day_usd": 1.0}, "RATCHET_DRAFTING_INPUT_PRICE"),
        ({"drafting_url": "model.test"}, "drafting_url"),
    ],
)
def test_what_is_missing_is_named(given: dict[str, Any], named: str) -> None:
    with pytest.raises(ValidationError, match=named):
        settings(**given)


def test_an_unreadable_key_ends_the_start_with_its_variable(capsys: pytest.CaptureFixture[str]) -> None:
    found = settings(drafting_url=URL, drafting_model="m", drafting_key_file="/nowhere/key")
    with pytest.raises(SystemExit) as ended:
        drafting_jobs(found, None, None, None)  # type: ignore[arg-type]
    assert "RATCHET_DRAFTING_KEY_FILE" in f"{ended.value}{capsys.readouterr().err}"
