"""What is read without the HTTP parser is what the parser reads; what has another form is left to it."""

import httptools
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.api.ordinary_request import OrdinaryRequest, read_ordinary_request

HEAD = b"POST /v1/feedback HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n"
TRACE = b"traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def headers_of(request: OrdinaryRequest) -> dict[bytes, bytes]:
    cut = {b"idempotency-key": request.idempotency_key, b"traceparent": request.traceparent}
    return {**request.head.fields, **{name: value.encode() for name, value in cut.items() if value is not None}}


class ParsedRequests:
    """What httptools' parser reports of some bytes."""

    def __init__(self, data: bytes) -> None:
        self.lines: list[bytes] = []
        self.headers: list[tuple[bytes, bytes]] = []
        self.content = b""
        self.complete = 0
        self._parser = httptools.HttpRequestParser(self)
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self._url = url

    def on_headers_complete(self) -> None:
        version = self._parser.get_http_version().encode()
        self.lines.append(b"%b %b HTTP/%b" % (self._parser.get_method(), self._url, version))

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_body(self, body: bytes) -> None:
        self.content += body

    def on_message_complete(self) -> None:
        assert self._parser.should_keep_alive()
        assert not self._parser.should_upgrade()
        self.complete += 1


PIECES = st.sampled_from([
    b"\r\n", b"\r\n", b"\r\n\r\n", b"\n", b"\r", b" ", b"  ", b"\t", b":", b": ", b"{}", b"Host: a", b"X-Any: 1",
    b"x-any: 2", b"Content-Length: 2", b"Content-Length: 02", b"Content-Length: 0", b"Transfer-Encoding: chunked",
    b"Connection: close", b"Connection: keep-alive", b"Expect: 100-continue", b"Upgrade: h2c", b"Host", b"a_b: c",
    b"Content-Encoding: gzip",
    b"Idempotency-Key: a", b"idempotency-key: b", b"Idempotency-key: c", TRACE, b"\x00", b"\x7f", b"\x80", b"\xe9",
    b"POST /v1/feedback HTTP/1.1",
])  # fmt: skip
LINES = st.lists(st.lists(PIECES, min_size=1, max_size=3).map(b"".join), max_size=3)


@given(LINES, st.sampled_from([b"{}", b"{}{}", b"", b"{}\r\n"]))
def test_the_parser_reads_the_same(lines: list[bytes], content: bytes) -> None:
    data = HEAD + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + content
    request = read_ordinary_request(data)
    if request is None:
        return
    parsed = ParsedRequests(data)
    assert (parsed.lines, parsed.complete) == ([request.head.line], 1)
    assert dict(parsed.headers) == headers_of(request)
    assert len(parsed.headers) == len(headers_of(request))
    assert parsed.content == request.content


def test_a_request_in_the_common_form_is_read() -> None:
    fields = b"Accept: */*\r\nX-Request-Id: a: b\r\nConnection: keep-alive\r\n"
    request = read_ordinary_request(HEAD + fields + b"\r\n{}")
    assert request is not None
    assert (request.head.line, request.content) == (b"POST /v1/feedback HTTP/1.1", b"{}")
    assert request.head.fields == {
        b"host": b"a", b"content-length": b"2", b"accept": b"*/*", b"x-request-id": b"a: b",
        b"connection": b"keep-alive",
    }  # fmt: skip


@pytest.mark.parametrize("name", [b"Idempotency-Key", b"idempotency-key"])
def test_headers_that_differ_each_time_are_read_apart_from_the_rest(name: bytes) -> None:
    first, second = (
        read_ordinary_request(HEAD + name + b": " + key + b"\r\n" + TRACE + b"\r\nAccept: */*\r\n\r\n{}")
        for key in (b"one", b"two")
    )
    assert first is not None
    assert second is not None
    assert (first.idempotency_key, second.idempotency_key) == ("one", "two")
    assert first.traceparent == TRACE.partition(b": ")[2].decode()
    assert first.head is second.head
    assert first.head.fields == {b"host": b"a", b"content-length": b"2", b"accept": b"*/*"}


@pytest.mark.parametrize(
    "field",
    [b"Idempotency-Key: a\r\nIdempotency-Key: a", b"Idempotency-Key: a\r\nidempotency-key: a", b"IDEMPOTENCY-KEY: a",
     b"Idempotency-Key: ", b"Idempotency-Key: a b", b"Idempotency-Key: a\nb", b"Idempotency-Key:  a",
     b"traceparent: 0", b"Traceparent: 0", TRACE + b"\r\n" + TRACE, b"X-A: " + b"a" * 2048,
     b"host: b", b"Content-Length: 2", b"Transfer-Encoding: chunked", b"Content-Encoding: gzip", b"Upgrade: h2c",
     b"Expect: 100-continue", b"Connection: close", b"X-A:b", b"X-A:  b", b"X-A: b ", b"X-A: ", b"X-A : b", b" X-A: b",
     b"X(A): b", b"X-A: \x7f", b"X-A: b\rc", b"X-A: b\nc", b"X-A: \x80", b": b", b"X-A"],
)  # fmt: skip
def test_another_form_is_left_to_the_parser(field: bytes) -> None:
    assert read_ordinary_request(HEAD + field + b"\r\n\r\n{}") is None


@pytest.mark.parametrize(
    "data", [HEAD, HEAD + b"\r\n", HEAD + b"\r\n{", HEAD + b"\r\n{}P", HEAD[:-21] + b"\r\n{}", b"", b"\r\n"]
)
def test_a_part_of_a_request_is_left_to_the_parser(data: bytes) -> None:
    assert read_ordinary_request(data) is None
