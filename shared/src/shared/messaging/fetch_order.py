"""When aiokafka's consumer fetches, so that no partition waits for the others."""

from typing import Any

_UNREAD_S = 5.0


def fetch_all_partitions(consumer: Any) -> None:
    """Let a started `AIOKafkaConsumer` fetch only when everything it fetched was taken, or waited for 5 s.

    It keeps one fetch in progress per broker. By default it fetches the other partitions once messages of one have
    waited for 0.1 s: if the others have nothing, Kafka holds that fetch for `fetch_max_wait_ms`, in which the partition
    with the traffic is not read. So each batch that took longer than 0.1 s was followed by a pause. aiokafka has no
    option for it.
    """
    consumer._fetcher._prefetch_backoff = _UNREAD_S
