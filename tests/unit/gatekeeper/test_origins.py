"""Origins of pages: what is accepted, and that it becomes what browsers send."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatekeeper.domain.origins import parse_origin


@pytest.mark.parametrize(
    ("given_text", "origin"),
    [
        ("https://shop.example", "https://shop.example"),
        ("HTTPS://Shop.Example/", "https://shop.example"),
        ("https://shop.example:443", "https://shop.example"),
        ("http://shop.example:443", "http://shop.example:443"),
        ("http://localhost:5173", "http://localhost:5173"),
        ("http://localhost:80/", "http://localhost"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://[0:0:0:0:0:0:0:1]:3000", "http://[::1]:3000"),
        ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
        ("https://my_app.internal", "https://my_app.internal"),
    ],
)
def test_origin_is_written_as_browsers_do(given_text: str, origin: str) -> None:
    assert parse_origin(given_text) == origin


@pytest.mark.parametrize(
    "text",
    [
        "", "null", "*", "https://*", "https://*.shop.example", "http://localhost:*", "shop.example", "//shop.example",
        "https://", "https://shop.example/path", "https://shop.example?x", "https://shop.example#x",
        "https://a@b.example",
        "https://shop.example:0", "https://shop.example:65536", "https://shop.example:", "https://-shop.example",
        "https://shop..example", "https://shop.example.", "https://bücher.example", "https://[::1", "https://[1.2.3.4]",
        "ftp://shop.example", "file://", "chrome-extension://abc", "https://a.example https://b.example",
        "https://shop.example\n", " https://shop.example", f"https://{'a' * 64}.example",
        f"https://{'a.' * 130}example",
    ],
)  # fmt: skip
def test_what_is_no_origin_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be an origin such as"):
        parse_origin(text)


@given(st.text() | st.from_regex(r"https?://[a-z0-9.:\[\]-]+/?", fullmatch=True))
def test_accepted_origins_are_stable_and_plain(text: str) -> None:
    try:
        origin = parse_origin(text)
    except ValueError:
        return
    assert parse_origin(origin) == origin
    assert origin.isascii()
    assert origin == origin.lower()
    assert origin.count("/") == 2
