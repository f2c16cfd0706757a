"""Services as subprocesses, as in production: start, request, kill, pause, restart."""

import json
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from prometheus_client.parser import text_string_to_metric_families

from gatekeeper.bootstrap import bootstrap
from gatekeeper.domain.signer import Signer
from ratchet.signing import new_private_key
from ratchet_local import process
from ratchet_local.ports import free_port
from ratchet_local.routes import SERVICES
from shared.runtime.roles import database_role
from tests.support import fork_server
from tests.support.databases import apart, as_role
from tests.support.eventually import PATIENCE_S, eventually_sync
from tests.support.messaging import async_dsn
from tests.support.requirements import ROOT
from tests.support.uninstrumented import environment_without_coverage


@dataclass
class Instance:
    """A process of a service. It keeps its name and its port over `kill` and `start`."""

    service: str
    name: str
    log: Path
    environment: Mapping[str, str]
    command: Sequence[str]
    start_process: fork_server.StartProcess = process.start
    port: int = field(default_factory=free_port)
    _process: psutil.Process | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def alive(self) -> bool:
        """Return whether the process runs; False also if it has exited."""
        return self._process is not None and process.is_alive(self._process)

    def spawn(self, **more: str) -> None:
        """Start the process, with `more` in its environment; call `await_ready` to wait for it."""
        own = {
            "RATCHET_HOST": "127.0.0.1", "RATCHET_PORT": str(self.port), "RATCHET_INSTANCE": self.name,
            "PYTHONPATH": str(ROOT),
        }  # fmt: skip
        self._process = self.start_process(
            self.command, self.log, {**environment_without_coverage(), **self.environment, **own, **more}
        )

    def await_ready(self, within: float = 180.0) -> None:
        """Wait until the service reports that it is ready. Raises StartFailed with the end of its log if it exits
        before.
        """
        assert self._process is not None
        process.wait_until(self._ready, self._process, self.log, within)

    def start(self) -> None:
        self.spawn()
        self.await_ready()

    def kill(self) -> None:
        """Send SIGKILL, so that the process cannot clean up."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Stop the process as an operator would (SIGTERM), also while it is paused."""
        if self.alive:
            self.resume()
        self._end(signal.SIGTERM)

    def pause(self) -> None:
        """Send SIGSTOP: the process stops without notice."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def await_end(self, within: float = 30.0) -> None:
        """Wait until the process has exited."""
        eventually_sync(lambda: not self.alive, within)
        self._end(signal.SIGKILL)

    def get(self, path: str, key: str = "") -> tuple[int, bytes]:
        """Return status and body, also of errors. Raises OSError if the connection fails."""
        return self._ask("GET", path, key)

    def post(self, path: str, key: str, body: object = None) -> tuple[int, bytes]:
        return self._ask("POST", path, key, json.dumps(body).encode())

    def metric(self, name: str, **labels: str) -> float:
        """Return the sum of a metric's samples with these labels."""
        page = self.get("/metrics")[1].decode()
        return sum(
            sample.value
            for family in text_string_to_metric_families(page)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def usage(self) -> tuple[int, int]:
        """Return the resident memory in bytes, and the number of open file descriptors."""
        assert self._process is not None
        return self._process.memory_info().rss, self._process.num_fds()

    def _ready(self) -> bool:
        try:
            return self.get("/health/ready")[0] == 200
        except OSError:
            return False

    def _ask(self, method: str, path: str, key: str, body: bytes | None = None) -> tuple[int, bytes]:
        headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {key}"} if key else {})
        request = urllib.request.Request(self.url + path, body, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    def _signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def _end(self, how: int) -> None:
        if self._process is not None:
            process.end(self._process, how)
        self._process = None


def start_all(instances: Sequence[Instance]) -> None:
    """Start the instances concurrently and wait until all are ready."""
    for instance in instances:
        instance.spawn()
    for instance in instances:
        instance.await_ready()


class Fleet:
    """Instances of services with one migrated database, one Kafka and the initial keys.

    `dsn` is the database owner's; each service uses its own role. `environment` applies to all instances.
    """

    def __init__(self, dsn: str, kafka: str, folder: Path, environment: Mapping[str, str] | None = None) -> None:
        self.dsn = dsn
        self.kafka = kafka
        self.instances: list[Instance] = []
        self._folder = folder
        private = new_private_key()
        self.keys = apart(bootstrap(async_dsn(dsn), private))
        self.public_key = Signer(private).public
        self._environment = {
            "RATCHET_KAFKA_BOOTSTRAP": kafka,
            "RATCHET_SIGNING_KEY": private,
            "RATCHET_SIGNING_PUBLIC_KEYS": self.public_key,
            **(environment or {}),
        }

    def add(self, service: str, name: str = "1", *launcher: str, **environment: str) -> Instance:
        """Add an instance without starting it. `launcher` are words between `python -m` and the service's name."""
        settings = {
            **self._environment,
            **environment,
            "RATCHET_DATABASE_URL": as_role(self.dsn, database_role(service)),
        }
        command = [sys.executable, "-m", *launcher, service]
        log = self._folder / f"{service}-{name}.log"
        instance = Instance(service, name, log, settings, command, fork_server.start)
        self.instances.append(instance)
        return instance

    def start(self, services: Iterable[str] = SERVICES, count: int = 1) -> None:
        """Start `count` instances of each service; wait until all are ready and have received the keys."""
        self.start_added([self.add(service, str(number)) for service in services for number in range(1, count + 1)])

    def start_added(self, instances: Sequence[Instance] | None = None) -> None:
        """Start `instances`, or all; wait until they are ready and have received the keys."""
        started = self.instances if instances is None else instances
        start_all(started)
        for instance in started:
            eventually_sync(self._has_received_keys(instance))

    def instances_of(self, service: str) -> list[Instance]:
        return [instance for instance in self.instances if instance.service == service]

    def first_instance(self, service: str) -> Instance:
        """Return the first instance of a service."""
        return self.instances_of(service)[0]

    def replace(self, previous: Instance, *launcher: str, **environment: str) -> Instance:
        """Replace an instance by a new process with its name and port; see `add`."""
        previous.stop()
        self.instances.remove(previous)
        instance = self.add(previous.service, previous.name, *launcher, **environment)
        instance.port = previous.port
        instance.start()
        return instance

    def stop(self) -> None:
        """Stop all instances."""
        with ThreadPoolExecutor(len(self.instances) or 1) as threads:
            list(threads.map(Instance.stop, self.instances))

    def _has_received_keys(self, instance: Instance) -> Callable[[], bool]:
        path = f"/v1/ops/{instance.service}/dead-letters"
        return lambda: instance.get(path, self.keys["reviewer_key"])[0] == 200
