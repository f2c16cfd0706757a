"""Merges the Prometheus metrics of several services into one page, with the label `service`."""

from collections.abc import Mapping

from prometheus_client.core import Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector


class _Families(Collector):
    """Parsed metric families, for the library's own writer."""

    def __init__(self, families: Mapping[str, Metric]) -> None:
        self._families = families

    def collect(self) -> list[Metric]:
        return list(self._families.values())


def merge_metrics(pages: Mapping[str, str]) -> bytes:
    """Return one page in Prometheus' text format from the page of each service, with each family once."""
    families: dict[str, Metric] = {}
    for service, page in pages.items():
        for family in text_string_to_metric_families(page):
            whole = families.setdefault(family.name, Metric(family.name, family.documentation, family.type))
            for sample in family.samples:
                whole.add_sample(sample.name, {**sample.labels, "service": service}, sample.value)
    return generate_latest(_Families(families))
