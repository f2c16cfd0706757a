"""The test of a declared switch skips the score of drops that cannot be significant."""

from hypothesis import given
from hypothesis import strategies as st

from analyzer.domain.detection.switch_comparison import FIRST_LOOK, Reference, SwitchTest
from analyzer.domain.detection.thresholds import switch_height

SHARES = st.floats(0.0, 1.0)
REFERENCES = st.builds(
    Reference,
    n=st.integers(20, 10**9),
    mean=SHARES,
    raw=SHARES,
    variance=st.floats(1e-9, 0.2),
    values=st.floats(0.0, 0.3),
    inflation=st.floats(1.0, 20.0),
    skew=st.floats(-5.0, 5.0),
    low=st.just(0.0),
    high=st.just(1.0),
)


@given(
    REFERENCES, st.lists(SHARES, min_size=FIRST_LOOK, max_size=60), st.sampled_from([1e-6, 0.0125, 0.5]), st.booleans()
)
def test_no_significant_drop_is_skipped(reference: Reference, means: list[float], alpha: float, worse: bool) -> None:
    switch = SwitchTest(reference, alpha, True, 1.0 if worse else -1.0)

    for number, mean in enumerate(means, 1):
        refuted = switch.add(mean, mean * mean)
        drop = switch.worse * (reference.mean - switch.sum / switch.n)
        assert refuted == (number >= FIRST_LOOK and drop > 0.0 and switch.significant)


@given(st.floats(0.1, 1e9), st.floats(1e-9, 0.5))
def test_every_threshold_is_above_the_score_of_a_skipped_drop(blocks: float, alpha: float) -> None:
    assert switch_height(blocks, alpha) > 1.0
