"""The rules that apply to a target and metric."""

import math
from pathlib import Path

import pytest
from pydantic import ValidationError

from analyzer.domain.metrics.extraction import metric_named
from analyzer.domain.model import DetectionPolicy, Dimension
from analyzer.domain.watch_rules import InvalidRules, Rule, Rules, WatchRules, read_rules
from analyzer.settings import AnalyzerSettings


def watched(rules: Rules, metric: str, target: str = "bot") -> WatchRules:
    return rules.watching(Dimension("acme", "production", target, metric), metric_named(metric))


def test_defaults_apply_without_rules() -> None:
    rules = Rules(DetectionPolicy(alpha=0.01, minimum=150))
    thumb, latency = watched(rules, "thumb"), watched(rules, "latency_ms")
    assert (thumb.settings.alpha, thumb.settings.minimum, thumb.settings.floor) == (0.01, 150, 0.05)
    assert latency.settings.floor == pytest.approx(math.log(1.1))
    assert not thumb.safety
    assert thumb.agreed is None


def test_last_matching_rule_wins_per_field() -> None:
    rules = Rules(rules=[Rule(floor=3, alpha=0.01), Rule(target="b*", floor=8), Rule(target="c*", floor=9)])
    assert watched(rules, "thumb").settings.floor == pytest.approx(0.08)
    assert watched(rules, "thumb").settings.alpha == 0.01
    assert watched(rules, "latency_ms").settings.floor == pytest.approx(math.log(1.08)), "percent of an amount"


def test_agreed_rate_needs_a_binary_metric() -> None:
    rules = Rules(rules=[Rule(agreed=0.001, safety=True)])
    assert watched(rules, "error_rate").agreed == 0.001
    assert watched(rules, "score.Factuality").agreed is None
    assert watched(rules, "thumb").safety
    assert not watched(rules, "cost_usd").safety


def test_dimensions_are_per_target() -> None:
    rules = Rules(rules=[Rule(target="bot", dimensions=("model", "shop"))])
    assert rules.dimensions("bot").names == ("model", "shop")
    assert "language" in rules.dimensions("other").names


def test_resolved_rules_are_cached() -> None:
    rules = Rules()
    assert watched(rules, "thumb") is watched(rules, "thumb")
    assert rules.dimensions("bot") is rules.dimensions("bot")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[rule]]\nfloor = -1", "rule.0.floor"),
        ("[[rule]]\nminimum = 99", "rule.0.minimum"),
        ("[[rule]]\nflour = 1", "rule.0.flour"),
        ("rule = 3", "rule"),
        ("[[rule", "Expected"),
        (b"\xff", "utf-8"),
    ],
)
def test_invalid_file_is_named_with_its_field(tmp_path: Path, text: str | bytes, message: str) -> None:
    path = tmp_path / "rules.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InvalidRules) as caught:
        read_rules(path)
    assert str(path) in str(caught.value)
    assert message in str(caught.value)


def test_settings_read_the_file_and_reject_an_invalid_one(tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text('[[rule]]\ntarget = "bot"\nfloor = 2\n')
    given = {"database_url": "postgresql://x/y", "kafka_bootstrap": "127.0.0.1:9"}
    rules = AnalyzerSettings(**given, rules=path, reopen_days=1).load_rules()  # type: ignore[arg-type]
    assert watched(rules, "thumb").settings.floor == pytest.approx(0.02)
    assert rules.policy.reopen_seconds == 86_400
    with pytest.raises(ValidationError, match="gone"):
        AnalyzerSettings(**given, rules=tmp_path / "gone.toml")  # type: ignore[arg-type]
