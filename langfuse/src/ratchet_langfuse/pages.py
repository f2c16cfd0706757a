"""Reading of lists, page by page."""

from collections.abc import Iterator, Sequence
from typing import TypeVar
from urllib.parse import quote

from ratchet.prompt import Prompt, PromptError
from ratchet_langfuse.api_versions import HEALTH, PROMPTS, LangfuseApi, ListRequest, api_for_version, next_page
from ratchet_langfuse.errors import LangfuseError, NotFound
from ratchet_langfuse.http import Server
from ratchet_langfuse.prompt_documents import to_document
from ratchet_langfuse.schemas import Health, PromptVersion, UnexpectedResponse, Wire

W = TypeVar("W", bound=Wire)


def detect_api(server: Server) -> LangfuseApi:
    """Return the API of the server by one request without retries. Raises LangfuseError."""
    found = server.get(HEALTH, Health, tries=1)
    try:
        return api_for_version(found.version)
    except UnexpectedResponse as error:
        raise LangfuseError(f"{server.url}: {error}") from None


def read_pages(server: Server, request: ListRequest[W]) -> Iterator[list[W]]:
    """Yield the pages of a list. Raises LangfuseError, also if the server keeps repeating a page."""
    params: dict[str, str | Sequence[str]] = dict(request.params)
    seen = set[tuple[str, ...]]()
    while True:
        page = server.get(request.path, request.shape, params)
        yield page.data
        more = next_page(page.meta, empty=not page.data)
        if more is None:
            return
        marker = tuple(more.values())
        if marker in seen:
            raise LangfuseError(f"{server.url} repeats a page of {request.path}: {marker[0][:80]}")
        seen.add(marker)
        params |= more


def read_first_known(server: Server, requests: Sequence[ListRequest[W]]) -> Iterator[list[W]]:
    """Yield the pages of the first list that the server has. Raises LangfuseError."""
    for last, request in enumerate(requests, 1 - len(requests)):
        try:
            yield from read_pages(server, request)
            return
        except NotFound:
            if last == 0:
                raise


def read_prompt(server: Server, name: str, version: int) -> Prompt | str:
    """Return the content of a prompt version, or the reason why it is not available. Raises LangfuseError."""
    params = {"version": str(version), "resolve": "false"}
    try:
        return to_document(server.get(f"{PROMPTS}/{quote(name, safe='')}", PromptVersion, params))
    except NotFound:
        return "it was deleted"
    except PromptError as error:
        return str(error)
