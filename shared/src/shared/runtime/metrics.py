"""Prometheus metrics. Each app has its registry, so that several fit into one process."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from shared.runtime.backlog import Backlog
from shared.runtime.rates import RateCounter

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Metrics:
    """What every service counts. `registry` takes a service's own metrics too.

    `sent` counts messages by topic, `settled` by (consumer, topic): they know the rate of the last minute.
    """

    def __init__(self, service: str) -> None:
        self.registry = CollectorRegistry()
        labels = ("consumer",)
        self.events = Counter(
            "ratchet_events", "Events settled, by outcome", ("consumer", "outcome"), registry=self.registry
        )
        self.retries = Counter("ratchet_retries", "Attempts after a failed one", labels, registry=self.registry)
        self.batch_seconds = Histogram(
            "ratchet_batch_seconds", "Time for one batch", labels, buckets=_BUCKETS, registry=self.registry
        )
        self.lag = Gauge(
            "ratchet_consumer_lag", "Messages not consumed yet", ("consumer", "topic"), registry=self.registry
        )
        self.oldest = Gauge(
            "ratchet_consumer_oldest_unprocessed_timestamp_seconds",
            "When the oldest message not consumed yet was sent, at the earliest; NaN: none, or unknown",
            ("consumer", "topic"),
            registry=self.registry,
        )
        self.paused = Gauge(
            "ratchet_consumer_paused", "1 while too many dead letters pause it", labels, registry=self.registry
        )
        self.retrying = Gauge(
            "ratchet_consumer_retrying_seconds",
            "How long it has repeated the batch in hand, for a reason that is not the batch's own; 0: it does not",
            labels,
            registry=self.registry,
        )
        self.gaps = Counter(
            "ratchet_consumer_gap_messages",
            "Messages between the database's position and Kafka's, by outcome: replayed, lost",
            ("consumer", "topic", "outcome"),
            registry=self.registry,
        )
        self.read_only = Gauge(
            "ratchet_database_read_only", "1 while the database refuses to write", registry=self.registry
        )
        self.relayed = Counter("ratchet_outbox_sent", "Messages sent to Kafka", ("topic",), registry=self.registry)
        self.sent = RateCounter[str]()
        self.settled = RateCounter[tuple[str, str]]()
        self.backlog = Backlog()
        Gauge(
            "ratchet_outbox_oldest_unsent_seconds",
            "Age of the oldest message that waits to be sent to Kafka; 0: none waits",
            registry=self.registry,
        ).set_function(self.backlog.age)
        self.refused = Counter(
            "ratchet_requests_refused",
            "Requests answered with 429, by the quota that was used up: key, address",
            ("quota",),
            registry=self.registry,
        )
        self.relay_errors = Counter("ratchet_outbox_errors", "Failed sends to Kafka", registry=self.registry)
        Gauge("ratchet_info", "The service", ("service",), registry=self.registry).labels(service).set(1)
