"""An in-memory Kafka broker: librdkafka's mock cluster, which speaks the real protocol.

It comes inside the confluent-kafka wheel and has only a C interface, so it is called by ctypes
(rdkafka_mock.h). It keeps nothing on disk, at most 5 MB or 100,000 messages a partition, and carries
one member per consumer group.
"""

import contextlib
import ctypes
import importlib.util
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

_PRODUCER = 0  # rd_kafka_type_t
_BROKER = 1  # the id of a cluster's only broker
_CONF_OK = 0
_WAKE_S = 0.005


class EmbeddedBroker:
    """A broker on a free loopback port, from construction until `close`."""

    def __init__(self, topics: Mapping[str, int], rebalance_delay_ms: int = 0) -> None:
        """`topics` maps each name to its count of partitions; others are made with 4 at first use.

        A new consumer group waits `rebalance_delay_ms` for more members (Kafka's own default is 3000).
        """
        self._lib = _library()
        self._client = self._new_client()
        self._cluster = self._lib.rd_kafka_mock_cluster_new(self._client, 1)
        with self._kept_awake():
            self._lib.rd_kafka_mock_group_initial_rebalance_delay_ms(self._cluster, rebalance_delay_ms)
            for topic, partitions in topics.items():
                self._create(topic, partitions)

    @property
    def bootstrap(self) -> str:
        """`host:port` of the broker."""
        address: bytes = self._lib.rd_kafka_mock_cluster_bootstraps(self._cluster)
        return address.decode()

    def down(self) -> None:
        """Drop all connections and refuse new ones. Messages are kept."""
        self._check(self._lib.rd_kafka_mock_broker_set_down(self._cluster, _BROKER))

    def up(self) -> None:
        self._check(self._lib.rd_kafka_mock_broker_set_up(self._cluster, _BROKER))

    def fail(self, api: int, codes: Sequence[int]) -> None:
        """Answer the next requests of a kind (Kafka's API key) with these error codes, one each, in order."""
        array = (ctypes.c_int * len(codes))(*codes)
        self._check(self._lib.rd_kafka_mock_push_request_errors_array(self._cluster, api, len(codes), array))

    def start_tracking(self) -> None:
        """Record requests from now on, for `request_count`."""
        self._lib.rd_kafka_mock_start_request_tracking(self._cluster)

    def request_count(self, api: int) -> int:
        """Return the number of requests of an API key since `start_tracking`."""
        size = ctypes.c_size_t()
        requests = self._lib.rd_kafka_mock_get_requests(self._cluster, ctypes.byref(size))
        found = sum(self._lib.rd_kafka_mock_request_api_key(requests[index]) == api for index in range(size.value))
        self._lib.rd_kafka_mock_request_destroy_array(requests, size)
        return int(found)

    def close(self) -> None:
        """Close the broker and drop its messages. Idempotent."""
        if self._cluster:
            self._lib.rd_kafka_mock_cluster_destroy(self._cluster)
            self._lib.rd_kafka_destroy(self._client)
            self._cluster = None

    @contextlib.contextmanager
    def _kept_awake(self) -> Iterator[None]:
        """Connect every 5 ms in the block: the cluster's thread can miss an order, and then sleeps for a second."""
        host, port = self.bootstrap.split(":")
        ended = threading.Event()

        def connect() -> None:
            while not ended.wait(_WAKE_S):
                with contextlib.suppress(OSError), socket.create_connection((host, int(port)), timeout=1):
                    pass

        thread = threading.Thread(target=connect, name="broker-waker")
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _create(self, topic: str, partitions: int) -> None:
        self._check(self._lib.rd_kafka_mock_topic_create(self._cluster, topic.encode(), partitions, 1))

    def _new_client(self) -> int:
        conf = self._lib.rd_kafka_conf_new()
        reason = ctypes.create_string_buffer(512)
        if self._lib.rd_kafka_conf_set(conf, b"log_level", b"0", reason, len(reason)) != _CONF_OK:
            raise RuntimeError(reason.value.decode())
        client: int | None = self._lib.rd_kafka_new(_PRODUCER, conf, reason, len(reason))
        if not client:
            raise RuntimeError(f"no embedded broker: {reason.value.decode()}")
        return client

    def _check(self, error: int) -> None:
        if error:
            text: bytes = self._lib.rd_kafka_err2str(error)
            raise RuntimeError(f"the embedded broker refused: {text.decode()}")


def _library() -> ctypes.CDLL:
    """Return librdkafka of the wheel, with the signatures of the functions in use."""
    lib = ctypes.CDLL(str(_library_path()))
    pointer, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
    signatures: dict[str, tuple[type | None, list[type]]] = {
        "rd_kafka_conf_new": (pointer, []),
        "rd_kafka_conf_set": (number, [pointer, text, text, text, ctypes.c_size_t]),
        "rd_kafka_new": (pointer, [number, pointer, text, ctypes.c_size_t]),
        "rd_kafka_destroy": (None, [pointer]),
        "rd_kafka_err2str": (text, [number]),
        "rd_kafka_mock_cluster_new": (pointer, [pointer, number]),
        "rd_kafka_mock_cluster_destroy": (None, [pointer]),
        "rd_kafka_mock_cluster_bootstraps": (text, [pointer]),
        "rd_kafka_mock_group_initial_rebalance_delay_ms": (None, [pointer, ctypes.c_int32]),
        "rd_kafka_mock_topic_create": (number, [pointer, text, number, number]),
        "rd_kafka_mock_broker_set_down": (number, [pointer, ctypes.c_int32]),
        "rd_kafka_mock_broker_set_up": (number, [pointer, ctypes.c_int32]),
        "rd_kafka_mock_push_request_errors_array": (number, [pointer, ctypes.c_int16, ctypes.c_size_t, pointer]),
        "rd_kafka_mock_start_request_tracking": (None, [pointer]),
        "rd_kafka_mock_get_requests": (ctypes.POINTER(pointer), [pointer, ctypes.POINTER(ctypes.c_size_t)]),
        "rd_kafka_mock_request_api_key": (ctypes.c_int16, [pointer]),
        "rd_kafka_mock_request_destroy_array": (None, [ctypes.POINTER(pointer), ctypes.c_size_t]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(lib, name)
        function.restype, function.argtypes = result, arguments
    return lib


def _library_path() -> Path:
    """Return the path of librdkafka: next to the package (Linux) or in its `.dylibs` (macOS)."""
    spec = importlib.util.find_spec("confluent_kafka")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("the package confluent-kafka is not installed")
    package = Path(spec.submodule_search_locations[0])
    for folder in (package.with_name("confluent_kafka.libs"), package / ".dylibs"):
        for found in sorted(folder.glob("librdkafka*")):
            return found
    raise RuntimeError("the package confluent-kafka has no librdkafka")
