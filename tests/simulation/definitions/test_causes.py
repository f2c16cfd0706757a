"""The detected change of a regression and its named cause are consistent."""

import random

import pytest

from analyzer.domain.engine import QualityEngine
from shared.events.quality import RegressionDetected
from tests.unit.analyzer.definitions.test_directions import feed, scores


@pytest.mark.parametrize("fall", [0.07, 0.09, 0.12])
def test_worse_version_is_named_as_the_cause(fall: float) -> None:
    seen = 0
    for seed in range(12):
        rnd = random.Random(seed)
        before = [min(1.0, max(0.0, rnd.gauss(0.75, 0.2))) for _ in range(400)]
        after = [min(1.0, max(0.0, rnd.gauss(0.75 - fall, 0.2))) for _ in range(300)]
        found = feed(QualityEngine(), scores("Factuality", 1, "v1", before) + scores("Factuality", 401, "v2", after))
        for event in found:
            if isinstance(event, RegressionDetected) and event.method == "switch/2":
                seen += 1
                (cause, *_) = event.causes
                assert (cause.kind, cause.before, cause.after) == ("prompt_version", "label:v1", "label:v2")
                assert "chance explains" not in cause.evidence
    assert seen >= 3
