"""What happens when a program just ends."""

import os
import subprocess
import sys

import pytest

from ratchet.client.ending import at_exit
from ratchet.client.options import certificates

PROGRAM = """
import httpx, os, sys
from ratchet import Ratchet

def answer(request):
    if request.url.path == "/v1/executions":
        os.write(1, request.content + b"\\n")
        return httpx.Response(200, json={"results": [{"index": 0, "status": "accepted"}]})
    return httpx.Response(404)

client = Ratchet("http://ratchet", "k", transport=httpx.MockTransport(answer))
client.prompt("answer", "default")
client.record("chat", id="last words")
if "fork" in sys.argv and os.fork():
    os.wait()
"""


@pytest.mark.parametrize("arguments", [[], ["fork"]])
def test_a_program_that_never_closes_still_sends_and_once(arguments: list[str]) -> None:
    program = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", PROGRAM, *arguments]
    ended = subprocess.run(program, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.count("last words") == 1


def test_what_was_closed_is_not_closed_again() -> None:
    closed: list[int] = []
    call_off = at_exit(lambda: closed.append(os.getpid()))
    call_off()
    call_off()
    assert closed == []


def test_only_https_reads_the_authorities() -> None:
    assert certificates("http://here").get_ca_certs() == []
    assert certificates("https://there").verify_mode.name == "CERT_REQUIRED"
    assert certificates("http://here").verify_mode.name == "CERT_REQUIRED"
