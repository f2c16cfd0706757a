"""Metrics of several services as one page: the label `service` tells them apart."""

from collections.abc import Mapping

from prometheus_client.core import Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector


class _Families(Collector):
    """Families that were read already, for the library's own writer."""

    def __init__(self, families: Mapping[str, Metric]) -> None:
        self._families = families

    def collect(self) -> list[Metric]:
        return list(self._families.values())


def merge_metrics(pages: Mapping[str, str]) -> bytes:
    """One page in Prometheus' text format of the pages of each service: every family once."""
    families: dict[str, Metric] = {}
    for service, page in pages.items():
        for family in text_string_to_metric_families(page):
            whole = families.setdefault(family.name, Metric(family.name, family.documentation, family.type))
            for sample in family.samples:
                whole.add_sample(sample.name, {**sample.labels, "service": service}, sample.value)
    return generate_latest(_Families(families))
