"""Templates: what they may call, and how they name their static files."""

from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from importlib.resources import files
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from console.domain import formatting as telling
from ratchet.formatting import short_digest
from ratchet.sanitize import visible, visible_lines


def environment() -> Environment:
    """Everything is escaped, and an unknown name is an error."""
    made = Environment(
        loader=PackageLoader("console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        short=short_digest,
        amount=telling.amount,
        measured=telling.measured,
        change=telling.change,
        interval=telling.interval,
        payload=telling.payload,
        rate=telling.rate,
        words=telling.words,
        quoted=quoted,
        seen=visible,
        seen_lines=visible_lines,
        time=time_element,
    )
    made.globals.update(static=static_names())
    return made


def time_element(moment: object) -> Markup:
    """A moment in UTC, which a script puts into the viewer's zone; the exact one shows on hover."""
    if not moment:
        return Markup('<span class="soft">never</span>')
    at = moment if isinstance(moment, datetime) else datetime.fromisoformat(str(moment))
    exact = at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return Markup('<time datetime="{0}" title="{0}">{1} UTC</time>').format(exact, f"{at.astimezone(UTC):%d %b %H:%M}")


def quoted(name: object) -> str:
    """A name as one part of an address, whatever it holds."""
    return quote(str(name), safe="")


def static_names() -> Callable[[str], str]:
    """A file's address, with its content's hash in it: browsers may keep it for ever."""
    folder = files("console") / "static"
    known: dict[str, str] = {}

    def address(name: str) -> str:
        if name not in known:
            known[name] = sha256(folder.joinpath(name).read_bytes()).hexdigest()[:12]
        return f"/static/{name}?v={known[name]}"

    return address
