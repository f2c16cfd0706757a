"""HTTP clients and threads that cannot be created for a while, and processes that fork."""

import asyncio
import logging
import os
import threading

import httpx
import pytest

from ratchet import Ratchet
from ratchet.client.threads import DaemonThreads
from ratchet.prompt import from_text
from tests.support.eventually import eventually_sync
from tests.support.ratchet_server import FakeServer, live_payload

NEW = from_text("New")


def test_http_client_creation_is_retried(
    client: Ratchet, server: FakeServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(**options: object) -> None:
        raise ImportError("Using SOCKS proxy, but the 'socksio' package is not installed.")

    with monkeypatch.context() as patch:
        patch.setattr(httpx, "Client", broken)
        patch.setattr(httpx, "AsyncClient", broken)
        execution = client.record("chat")
        assert not client.prompt("answer", "default").live
        assert not client.prompt("other", "default").live
        eventually_sync(lambda: client.counters.retries >= 1)
    server.push(live_payload("answer", NEW))
    eventually_sync(lambda: client.prompt("answer", "default").live)
    assert client.flush()
    assert server.effects == {execution: 1}
    messages = [record.getMessage() for record in caplog.records if "socksio" in record.getMessage()]
    assert len(messages) == 2


@pytest.mark.parametrize("error", [RuntimeError("can't start new thread"), OSError("Resource temporarily unavailable")])
def test_thread_start_is_retried(
    client: Ratchet,
    server: FakeServer,
    error: Exception,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def raise_no_threads(thread: threading.Thread) -> None:
        raise error

    server.push(live_payload("answer", NEW))
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", raise_no_threads)
        ids = [client.record("chat"), client.record("chat")]
        assert not client.prompt("answer", "default").live
        assert not client.prompt("answer", "default").live
        assert not client.flush(600), "items that are not sent are not awaited"
    assert caplog.text.count("no thread can be started") == 2
    eventually_sync(lambda: client.prompt("answer", "default").live)
    assert client.flush()
    assert server.effects == dict.fromkeys(ids, 1)


def test_client_without_threads_can_be_closed(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_loop() -> asyncio.AbstractEventLoop:
        raise OSError("Too many open files")

    def raise_no_threads(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(asyncio, "new_event_loop", no_loop)
    monkeypatch.setattr(threading.Thread, "start", raise_no_threads)
    client = Ratchet("http://ratchet", "k", transport=server.transport())
    client.record("chat")
    assert not client.prompt("answer", "default").live
    assert not client.close(600)
    assert client.counters.abandoned == 1


def test_log_handler_may_request_a_prompt(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    live_states: list[bool] = []
    ratchet = Ratchet("http://ratchet", "k", transport=server.transport())

    class PromptRequestingHandler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            live_states.append(ratchet.prompt("requested", "default").live)
            ratchet.record("chat")

    def raise_no_threads(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    handler, log = PromptRequestingHandler(), logging.getLogger("ratchet")
    log.addHandler(handler)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", raise_no_threads)
            ratchet.prompt("answer", "default")
            ratchet.record("chat")
    finally:
        log.removeHandler(handler)
    assert live_states[0] is False
    ratchet.close()


def test_calls_in_daemon_threads_return_or_fail() -> None:
    executor = DaemonThreads()
    assert executor.submit(lambda: threading.current_thread().daemon).result(60)
    with pytest.raises(ZeroDivisionError):
        executor.submit(lambda: 1 / 0).result(60)


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork.*:DeprecationWarning")
def test_threads_of_a_forked_child_share_one_state(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    client = Ratchet("http://ratchet", "k", transport=server.transport())
    begun, begin = [0], Ratchet._new_process
    together = threading.Barrier(8)

    def counted(self: Ratchet, cache: object) -> object:
        begun[0] += 1
        threading.Event().wait(0.05)  # lets the other threads run meanwhile
        return begin(self, cache)  # type: ignore[arg-type]

    monkeypatch.setattr(Ratchet, "_new_process", counted)

    def use() -> None:
        together.wait()
        client.record("chat")

    child = os.fork()
    if child == 0:
        threads = [threading.Thread(target=use) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        os._exit(0 if begun == [1] and client.counters.accepted == 8 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    client.close()
