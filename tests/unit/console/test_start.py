"""Connecting an app: the code to paste equals the examples, and the first execution is shown."""

import ast
from pathlib import Path
from typing import Any

import pytest

from console.domain.snippets import fastapi, plain
from tests.support.console import NOW, FakeServices, console_client

ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "examples"


def execution(**parts: Any) -> dict[str, Any]:
    made = {"id": "0199", "target": "shop", "received_at": NOW, "occurred_at": NOW, "input": "Why?", "prompts": []}
    return {**made, "output": "<script>alert(1)</script>", **parts}


@pytest.mark.parametrize(("snippet", "example"), [(plain, "plain.py"), (fastapi, "fastapi_app.py")])
def test_code_to_paste_equals_the_example(snippet: Any, example: str) -> None:
    pasted = [ast.dump(each) for each in ast.parse(snippet("my-app")).body]
    ran = [ast.dump(each) for each in ast.parse((EXAMPLES / example).read_text()).body]
    assert [each for each in ran if each in pasted] == pasted


@pytest.mark.parametrize("document", ["README.md", "docs/tour.md"])
def test_documents_show_the_same_lines(document: str) -> None:
    text = (ROOT / document).read_text()
    assert f"```python\n{plain('my-app')}```" in text
    assert "pip install ./sdk" in text
    assert "`render` returns the list of messages (`role`, `content`)" in text


def test_code_has_five_lines_besides_imports() -> None:
    body = ast.parse(plain("my-app")).body
    assert len([each for each in body if not isinstance(each, ast.ImportFrom)]) == 5


@pytest.mark.parametrize("target", ["a", 'it\'s "x"\\', "{a}", "naïve\u202e"])
def test_target_is_quoted_in_the_code(target: str) -> None:
    for code in (plain(target), fastapi(target)):
        assert target in [node.value for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Constant)]
        assert "\u202e" not in code


async def test_first_step_asks_for_the_target(api: FakeServices) -> None:
    async with console_client(api) as client:
        page = (await client.get("/start")).text
        odd = await client.get("/start?target=%00")
    assert 'name="target"' in page
    assert odd.status_code == 404


async def test_an_admin_makes_the_key_that_the_code_needs(api: FakeServices) -> None:
    async with console_client(api) as client:
        page = (await client.get("/start?target=shop")).text
    assert 'data-api="/v1/keys" data-shows="key-made"' in page
    assert 'name="subject" value="shop"' in page
    assert "target=&#34;shop&#34;" in page
    assert "RATCHET_URL=<span data-origin>http://console</span>" in page
    assert "pip install ./sdk" in page
    assert "/start/received?target=shop" in page
    assert 'hx-trigger="every 2s"' in page


async def test_other_roles_are_referred_to_an_admin(api: FakeServices) -> None:
    api.sign_in("read", role="viewer")
    async with console_client(api) as client:
        page = (await client.get("/start?target=shop")).text
    assert "Only admins create keys" in page
    assert "/v1/keys" not in page


async def test_first_execution_is_shown_and_ends_the_wait(api: FakeServices) -> None:
    async with console_client(api) as client:
        waiting = (await client.get("/start/received?target=a%20b")).text
        api.answers["/v1/executions/latest"] = execution()
        there = (await client.get("/start/received?target=a%20b")).text
    assert 'hx-get="/start/received?target=a%20b"' in waiting
    assert api.queries("/v1/executions/latest") == [{"target": "a b"}] * 2
    assert "hx-get" not in there
    assert "&lt;script&gt;" in there
    assert "<script>alert" not in there


@pytest.mark.parametrize("refused", [None, 403])
async def test_unavailable_service_is_retried_or_reported(api: FakeServices, refused: int | None) -> None:
    api.answers["/v1/executions/latest"] = None
    if refused:
        api.refuse("/v1/executions/latest", refused)
    async with console_client(api) as client:
        answer = await client.get("/start/received?target=shop")
    assert answer.status_code == (refused or 200)
