"""Behaviour at the end of a program."""

import subprocess
import sys
import threading

import httpx
import pytest

from ratchet import Ratchet
from ratchet.client.options import certificates
from ratchet.client.sender import MIN_JOIN
from tests.support.ratchet_server import PUBLIC, FakeServer

PROGRAM = """
import httpx, os, sys
from ratchet import Ratchet

def answer(request):
    if request.url.path == "/v1/executions":
        os.write(1, request.content + b"\\n")
        return httpx.Response(200, json={"results": [{"index": 0, "status": "accepted"}]})
    return httpx.Response(503)

client = Ratchet("http://ratchet", "k", transport=httpx.MockTransport(answer))
client.prompt("answer", "default")
client.record("chat", id="last words")
if "fork" in sys.argv and os.fork():
    os.wait()
"""


@pytest.mark.parametrize("arguments", [[], ["fork"]])
def test_program_without_close_sends_everything_once(arguments: list[str]) -> None:
    program = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", PROGRAM, *arguments]
    ended = subprocess.run(program, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.count("last words") == 1


def test_close_at_exit_is_skipped_after_close() -> None:
    program = """
from ratchet.client.threads import ExitHook
for name in ("never begun", "closed", "open"):
    ending = ExitHook(lambda name=name: print(name))
    if name != "never begun":
        ending.register()
        ending.register()
    if name == "closed":
        ending.unregister()
        ending.unregister()
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (ended.stdout, ended.stderr) == ("open\n", "")


LOOKING_UP = """
import atexit, socket, threading, time
from ratchet import Ratchet
from ratchet.client import client_base

client_base.AT_EXIT = 0.2
looking = threading.Event()

def nobody_answers(*args, **kwargs):
    if threading.current_thread().name != "ratchet-sender":
        looking.set()
    threading.Event().wait(30)
    raise socket.gaierror(-3, "try again")

socket.getaddrinfo = nobody_answers
atexit.register(lambda: print(time.monotonic() - began))  # registered first, called last
client = Ratchet("http://ratchet.example", "k", first_wait=0.01)
client.prompt("answer", "default")
client.record("chat")
looking.wait(60)
began = time.monotonic()
"""


def test_unavailable_name_server_does_not_delay_the_exit() -> None:
    program = [sys.executable, "-c", LOOKING_UP]
    ended = subprocess.run(program, capture_output=True, text=True, timeout=60)
    assert "1 items unsent" in ended.stderr
    assert 0.2 <= float(ended.stdout) < 20


def test_close_has_one_deadline_for_all_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    server, release = FakeServer(), threading.Event()

    def block(request: httpx.Request) -> httpx.Response | None:
        server.faults.append(block)
        if request.method == "POST":
            release.wait(60)
        return None

    server.faults = [block]
    waits: list[float | None] = []
    join = threading.Thread.join

    def noted(thread: threading.Thread, timeout: float | None = None) -> None:
        waits.append(timeout)
        join(thread, timeout)

    client = Ratchet("http://ratchet", "k", public_key=PUBLIC, transport=server.transport())
    client.prompt("answer", "default")
    client.record("chat")
    monkeypatch.setattr(threading.Thread, "join", noted)
    assert not client.close(0.2)
    monkeypatch.undo()
    release.set()
    assert waits == [MIN_JOIN, MIN_JOIN], "sending used the whole time"


def test_only_https_loads_the_certificate_authorities() -> None:
    assert certificates("http://here").get_ca_certs() == []
    assert certificates("https://there").verify_mode.name == "CERT_REQUIRED"
    assert certificates("http://here").verify_mode.name == "CERT_REQUIRED"
