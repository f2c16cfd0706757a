"""Which data a target allows: the same for one answer as for the count of many; unknown is no unless allowed."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proposer.domain.data_rules import DataRules, TraceData, count_traces, has_personal_data
from proposer.domain.tuning_settings import TuningSettings, read_settings
from shared.events.feedback import Confidentiality

LEVELS = get_args(Confidentiality)
TRACES = st.builds(TraceData, st.sampled_from([None, "eu", "us"]), st.sampled_from([None, *LEVELS]), st.booleans())
REGIONS = st.sampled_from([None, ("eu",), ("eu", "us")])
EU = DataRules(("eu",), "internal")


@pytest.mark.parametrize(
    ("rules", "trace", "allowed"),
    [
        (EU, TraceData("eu", "internal", False), True),
        (EU, TraceData("eu", "public", False), True),
        (EU, TraceData("eu", "confidential", False), False),
        (EU, TraceData("us", "public", False), False),
        (EU, TraceData("eu", "public", True), False),
        (EU, TraceData(None, "public", False), False),
        (EU, TraceData("eu", None, False), False),
        (DataRules(("eu",), "internal", True), TraceData(None, None, False), True),
        (DataRules(("eu",), "internal", True), TraceData("us", None, False), False),
        (DataRules(), TraceData(None, None, True), True),
        (DataRules(highest="restricted"), TraceData(None, "restricted", False), True),
    ],
)
def test_what_a_target_allows(rules: DataRules, trace: TraceData, allowed: bool) -> None:
    assert rules.allows(trace) is allowed


@given(st.lists(TRACES, min_size=1, max_size=5), REGIONS, st.sampled_from([None, *LEVELS]), st.booleans())
def test_data_may_leave_exactly_if_both_are_declared_and_each_trace_is_allowed(
    traces: list[TraceData], regions: tuple[str, ...] | None, highest: Confidentiality | None, unknown: bool
) -> None:
    rules = DataRules(regions, highest, unknown)
    passes = regions is not None and highest is not None and all(map(rules.allows, traces))
    assert (rules.refusal(count_traces(traces)) is None) is passes


@pytest.mark.parametrize(
    ("rules", "trace", "reason"),
    [
        (EU, TraceData("eu", "public", True), "PII: personal data was found in 1 of 1 traces"),
        (DataRules(), TraceData("eu", "public", False), "region: what is allowed is not declared"),
        (DataRules(("eu",)), TraceData("eu", "public", False), "confidentiality: what is allowed is not declared"),
        (EU, TraceData("us", "public", False), "region: us (1) not allowed"),
        (EU, TraceData(None, "public", False), "region: unknown (1) not allowed"),
        (EU, TraceData("eu", "restricted", False), "confidentiality: restricted (1) not allowed"),
    ],
)
def test_the_refusal_names_the_gate(rules: DataRules, trace: TraceData, reason: str) -> None:
    assert (rules.refusal(count_traces([trace])) or "").startswith(reason)


def test_personal_data_is_what_the_collector_removed() -> None:
    assert has_personal_data(None, "Write to [email].")
    assert not has_personal_data(None, "", "Write to [me].")


def test_settings_of_a_former_version_declare_nothing() -> None:
    assert read_settings({"max_examples": 3}) == TuningSettings(max_examples=3)
    assert read_settings({"regions": ["eu"]}).data == DataRules(("eu",))
