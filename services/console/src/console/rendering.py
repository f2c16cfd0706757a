"""Rendering of Jinja templates: filters, addresses of static files, pages."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from importlib.resources import files
from urllib.parse import quote

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from console.domain import display, execution_rows
from ratchet.formatting import short_digest
from ratchet.sanitize import visible, visible_lines
from shared.metric_catalog import is_implicit
from shared.metric_format import plain


def template_environment() -> Environment:
    """Return the template environment: autoescaping is on, and an unknown name is an error."""
    environment = Environment(
        loader=PackageLoader("console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        short=short_digest,
        amount=display.amount,
        measured=display.measured,
        change=display.change,
        feedback_word=execution_rows.feedback_word,
        feedback_words=execution_rows.feedback_words,
        cost=execution_rows.cost,
        figure=execution_rows.figure,
        interval=display.interval,
        pairs=execution_rows.pairs,
        payload=display.payload,
        rate=display.rate,
        words=display.words,
        quoted=quote_segment,
        seen=visible,
        seen_lines=visible_lines,
        plain=plain,
        time=time_element,
        token_kinds=execution_rows.token_kinds,
        tokens=execution_rows.tokens,
    )
    environment.tests.update(implicit=is_implicit)
    environment.globals.update(static=static_addresses())
    return environment


def render_page(request: Request, template: str, values: Mapping[str, object], status: int = 200) -> HTMLResponse:
    """Return a rendered template as the response. Without a viewer the page has no header and no dialogs."""
    templates: Environment = request.app.state.templates
    url = request.url
    address = f"{url.path}?{url.query}" if url.query else url.path
    context = {"viewer": None, "kill_switch": None, "path": url.path, "address": address, **values}
    return HTMLResponse(templates.get_template(template).render(context), status)


def time_element(moment: object) -> Markup:
    """Return a `<time>` element in UTC with the exact time as its title; a script shows it in the viewer's zone."""
    if not moment:
        return Markup('<span class="soft">never</span>')
    at = moment if isinstance(moment, datetime) else datetime.fromisoformat(str(moment))
    exact = at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return Markup('<time datetime="{0}" title="{0}">{1} UTC</time>').format(exact, f"{at.astimezone(UTC):%d %b %H:%M}")


def quote_segment(name: object) -> str:
    """Return a name percent-encoded as one segment of an address."""
    return quote(str(name), safe="")


def static_addresses() -> Callable[[str], str]:
    """Return a function from the name of a static file to its address, which has the hash of its content."""
    folder = files("console") / "static"
    hashes: dict[str, str] = {}

    def address(name: str) -> str:
        if name not in hashes:
            hashes[name] = sha256(folder.joinpath(name).read_bytes()).hexdigest()[:12]
        return f"/static/{name}?v={hashes[name]}"

    return address
