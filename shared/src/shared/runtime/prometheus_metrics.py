"""Prometheus metrics. Each app has its own registry, so that several apps can share a process."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from shared.runtime.rates import Backlog, RateCounter

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Metrics:
    """The metrics of every service. `registry` accepts a service's own metrics too.

    `sent` counts messages by topic, `processed` by (consumer, topic); both know the rate of the last minute.
    """

    def __init__(self, service: str) -> None:
        self.registry = registry = CollectorRegistry()
        self.sent = RateCounter[str]()
        self.processed = RateCounter[tuple[str, str]]()
        self.backlog = Backlog()
        self.read_only = Gauge("ratchet_database_read_only", "1 while the database is read-only", registry=registry)
        self.refused = Counter(
            "ratchet_requests_refused",
            "Requests answered with 429, by the exceeded quota: key, address",
            ("quota",),
            registry=registry,
        )
        info = Gauge("ratchet_info", "1, labelled with the name of the service", ("service",), registry=registry)
        info.labels(service).set(1)
        self._create_consumer_metrics(registry)
        self._create_lag_metrics(registry)
        self._create_relay_metrics(registry)

    def _create_consumer_metrics(self, registry: CollectorRegistry) -> None:
        consumer = ("consumer",)
        self.events = Counter(
            "ratchet_events",
            "Events processed, by outcome: processed, duplicate, parked, replayed",
            ("consumer", "outcome"),
            registry=registry,
        )
        self.retries = Counter("ratchet_retries", "Failed attempts to process a batch", consumer, registry=registry)
        self.batch_seconds = Histogram(
            "ratchet_batch_seconds", "Seconds to process one batch", consumer, buckets=_BUCKETS, registry=registry
        )
        self.paused = Gauge(
            "ratchet_consumer_paused",
            "1 while the consumer is paused because of too many dead letters",
            consumer,
            registry=registry,
        )
        self.retrying = Gauge(
            "ratchet_consumer_retrying_seconds",
            "Seconds for which the current batch has failed for a reason outside of it, such as the database; else 0",
            consumer,
            registry=registry,
        )

    def _create_lag_metrics(self, registry: CollectorRegistry) -> None:
        topic = ("consumer", "topic")
        self.lag = Gauge(
            "ratchet_consumer_lag",
            "Unprocessed messages in the partitions that this instance reads",
            topic,
            registry=registry,
        )
        self.oldest = Gauge(
            "ratchet_consumer_oldest_unprocessed_timestamp_seconds",
            "Earliest time at which the oldest unprocessed message was sent; NaN if there is none or it is unknown",
            topic,
            registry=registry,
        )
        self.gaps = Counter(
            "ratchet_consumer_gap_messages",
            "Messages between the database's position and Kafka's offsets, by outcome: replayed, lost",
            ("consumer", "topic", "outcome"),
            registry=registry,
        )

    def _create_relay_metrics(self, registry: CollectorRegistry) -> None:
        self.relayed = Counter("ratchet_outbox_sent", "Messages sent to Kafka", ("topic",), registry=registry)
        Gauge(
            "ratchet_outbox_oldest_unsent_seconds",
            "Age of the oldest message that waits to be sent to Kafka; 0 if none waits",
            registry=registry,
        ).set_function(self.backlog.age)
        Gauge(
            "ratchet_outbox_set_aside_rows",
            "Rows of the outbox that cannot be read and so are not sent to Kafka",
            registry=registry,
        ).set_function(lambda: self.backlog.set_aside)
        self.relay_errors = Counter("ratchet_outbox_errors", "Failed sends to Kafka", registry=registry)
