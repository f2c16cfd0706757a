"""`ratchet.configure`: one client for the process; and the closed set of errors."""

import multiprocessing
import os
from collections.abc import Iterator
from typing import Any, get_args

import pytest

import ratchet
from ratchet.client import default_client
from ratchet.client.default_client import ClientHolder
from tests.support.eventually import eventually_sync
from tests.support.ratchet_server import FakeServer


@pytest.fixture(autouse=True)
def holder(monkeypatch: pytest.MonkeyPatch) -> Iterator[ClientHolder]:
    """Give each test a process without a client."""
    for name in ("RATCHET_URL", "RATCHET_KEY"):
        monkeypatch.delenv(name, raising=False)
    held = ClientHolder()
    monkeypatch.setattr(default_client, "_HOLDER", held)
    yield held
    if held._client is not None:
        held.client.drain(1)


def test_a_notebooks_cell_can_run_again(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RATCHET_URL", "http://ratchet")
    monkeypatch.setenv("RATCHET_KEY", "k")
    transport = server.transport()
    cell = (
        "client = ratchet.configure(transport=transport)\n"
        "@client.observe\n"
        "def answer(question): return question\n"
        "answer('why?')\n"
    )
    namespace: dict[str, Any] = {"ratchet": ratchet, "transport": transport}
    exec(cell, namespace)
    first: ratchet.Ratchet = namespace["client"]
    exec(cell, namespace)
    assert namespace["client"] is first is ratchet.get_client()
    assert first.flush(60)
    assert [body["target"] for body in server.bodies.values()] == ["answer", "answer"]


def test_other_options_replace_the_client_which_sends_what_it_accepted(server: FakeServer) -> None:
    transport = server.transport()
    first = ratchet.configure("http://ratchet", "k", transport=transport)
    execution = first.record("chat")
    second = ratchet.configure("http://ratchet", "k", transport=transport, capacity=5)
    assert second is ratchet.get_client()
    assert second is not first
    eventually_sync(lambda: execution in server.effects)
    asynchronous = ratchet.configure("http://ratchet", "k", transport=transport, kind=ratchet.AsyncRatchet)
    assert isinstance(asynchronous, ratchet.AsyncRatchet)


def test_a_refused_configuration_keeps_the_client(server: FakeServer) -> None:
    first = ratchet.configure("http://ratchet", "secret-key", transport=server.transport())
    with pytest.raises(ratchet.ConfigurationError) as raised:
        ratchet.configure("ftp://ratchet", "secret-key")
    assert "secret" not in str(raised.value) + repr(first.options)
    assert ratchet.get_client() is first


def test_each_error_has_a_code_and_the_usual_base(monkeypatch: pytest.MonkeyPatch) -> None:
    kinds: list[type[ratchet.RatchetError]] = [
        ratchet.ConfigurationError, ratchet.NotConfigured, ratchet.MissingTarget, ratchet.NoPrompt,
        ratchet.PromptError, ratchet.UnsupportedClient, ratchet.WorkerRefused, ratchet.ServerUnreachable,
        ratchet.HangingFunction,
    ]  # fmt: skip
    assert {kind.code for kind in kinds} == set(get_args(ratchet.ErrorCode))
    exported = {getattr(ratchet, name) for name in ratchet.__all__ if name != "ErrorCode"}
    assert {kind for kind in exported if isinstance(kind, type) and issubclass(kind, Exception)} == {
        *kinds, ratchet.RatchetError,
    }  # fmt: skip
    with pytest.raises(ratchet.NotConfigured):
        ratchet.get_client()
    for arguments in [(), ("http://ratchet",), ("http://", "k"), ("http://ratchet", "ké")]:
        with pytest.raises(ratchet.ConfigurationError):
            ratchet.configure(*arguments)
    with pytest.raises(ratchet.ConfigurationError, match="RATCHET_PUBLIC_KEY"):
        ratchet.configure("http://ratchet", "k", public_key="?")
    client = ratchet.configure("http://ratchet", "k")
    with pytest.raises(ratchet.MissingTarget):
        client.record()


def _work(results: Any) -> None:
    """Observe and send a call in a forked child; the parent's open call is left to the parent."""
    client = ratchet.get_client()
    with client.observe("child"):
        pass
    sent = client.drain(10)
    transport: Any = client._clients.transport
    results.put((sent, [(body["target"], body["parent_id"]) for body in transport.handler.__self__.bodies.values()]))
    os._exit(0)


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork.*:DeprecationWarning")
def test_forked_workers_send_their_own_calls_once(server: FakeServer) -> None:
    client = ratchet.configure("http://ratchet", "k", transport=server.transport())
    forking = multiprocessing.get_context("fork")
    results = forking.SimpleQueue()
    with client.observe("parent") as call:
        workers = [forking.Process(target=_work, args=(results,)) for _ in range(2)]
        for worker in workers:
            worker.start()
        found = [results.get() for _ in workers]
        for worker in workers:
            worker.join()
    assert found == [(True, [("child", call.id)])] * 2
    assert client.drain(10)
    assert [body["target"] for body in server.bodies.values()] == ["parent"]


def test_a_forked_child_leaves_an_open_call_to_its_parent(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    client = ratchet.configure("http://ratchet", "k", transport=server.transport())
    with client.observe("open") as call:
        monkeypatch.setattr(call, "_pid", os.getpid() + 1)  # as if the block had begun in another process
    assert client.counters.accepted == 0
