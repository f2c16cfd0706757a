"""This implementation conforms to the test vectors for other languages."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from ratchet import signing
from ratchet.prompt import PromptError, example_digest, example_set_digest, parse, render

VECTORS = Path(__file__).parents[2] / "vectors" / "prompt"
FORMS = {"live": signing.live_bytes, "key": signing.key_bytes}


def vectors(name: str) -> Any:
    return json.loads((VECTORS / name).read_text("ascii"))


def named(name: str) -> list[Any]:
    return [pytest.param(vector, id=vector["name"]) for vector in vectors(name)]


@pytest.mark.parametrize("vector", named("documents.json"))
def test_documents(vector: dict[str, Any]) -> None:
    canonical = bytes.fromhex(vector["canonical_hex"])
    assert canonical.decode() == vector["canonical"]
    assert "sha256:" + hashlib.sha256(canonical).hexdigest() == vector["digest"]
    for document in vector["documents"]:
        prompt = parse(document)
        assert (prompt.canonical(), prompt.digest) == (canonical, vector["digest"])


@pytest.mark.parametrize("vector", named("invalid.json"))
def test_invalid_documents(vector: dict[str, Any]) -> None:
    with pytest.raises(PromptError) as refusal:
        parse(vector["document"])
    assert refusal.value.field == vector["field"]


@pytest.mark.parametrize("vector", named("rendering.json"))
def test_rendering(vector: dict[str, Any]) -> None:
    prompt = parse(vector["document"])
    if "messages" in vector:
        assert render(prompt, vector["variables"], vector["examples"]) == vector["messages"]
        return
    with pytest.raises(PromptError) as refusal:
        render(prompt, vector["variables"], vector["examples"])
    assert refusal.value.field == vector["field"]


@pytest.mark.parametrize("vector", vectors("examples.json"))
def test_examples(vector: dict[str, Any]) -> None:
    assert [example_digest(example) for example in vector["examples"]] == vector["digests"]
    assert example_set_digest(vector["examples"]) == vector["set_digest"]


@pytest.mark.parametrize("vector", vectors("signing.json")["forms"], ids=lambda vector: vector["form"])
def test_signing(vector: dict[str, Any]) -> None:
    keys = vectors("signing.json")
    signed = FORMS[vector["form"]](vector["payload"])
    assert signed == vector["bytes"].encode()
    assert signing.public_key(keys["private_key"]) == keys["public_key"]
    assert signing.key_id(keys["public_key"]) == keys["key_id"]
    assert signing.sign(keys["private_key"], signed) == vector["signature"]
    assert signing.verify(keys["public_key"], signed, vector["signature"])
