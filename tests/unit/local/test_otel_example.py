"""examples/otel-collector.yaml: what its pipelines name is defined, and batches fit into Ratchet's limits."""

from pathlib import Path

import yaml

from collector.api.otlp_codec import LIMITS

EXAMPLE = yaml.safe_load((Path(__file__).parents[3] / "examples/otel-collector.yaml").read_text())


def test_pipelines_name_what_is_defined() -> None:
    for pipeline in EXAMPLE["service"]["pipelines"].values():
        for kind, names in pipeline.items():
            assert set(names) <= EXAMPLE[kind].keys()


def test_batches_are_within_the_limits() -> None:
    assert EXAMPLE["processors"]["batch"]["send_batch_max_size"] <= LIMITS.spans
