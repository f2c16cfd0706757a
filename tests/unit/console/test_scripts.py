"""What the console's own scripts expect of the bundled ones."""

import hashlib
import re
from pathlib import Path

import console

_STATIC = Path(console.__file__).parent / "static"
_EVENT = re.compile(r'"(htmx:[\w:]+)"')


def test_bundled_files_are_the_published_ones() -> None:
    lines = (_STATIC / "vendor" / "checksums.txt").read_text().splitlines()
    assert lines
    for line in lines:
        digest, name = line.split()
        assert hashlib.sha256((_STATIC / "vendor" / name).read_bytes()).hexdigest() == digest


def test_htmx_sends_the_events_that_scripts_listen_for() -> None:
    bundled = (_STATIC / "vendor" / "htmx.min.js").read_text()
    listened = {event for path in _STATIC.glob("*.js") for event in _EVENT.findall(path.read_text())}
    assert listened
    assert [event for event in sorted(listened) if f'"{event}"' not in bundled] == []
