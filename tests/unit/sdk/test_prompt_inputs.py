"""Any bytes as a prompt document: rejected with PromptError, or parsed to one canonical form that renders."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.prompt_inputs import check, documents, mutated
from tests.support.soak import scaled


def test_mutated_documents_are_parsed_or_rejected() -> None:
    chances, known = random.Random(5), documents()
    read = sum(check(mutated(known, chances)) for _ in range(scaled(300, 200_000)))
    assert read > 20, "most are refused at the first field: the mutations are too rough"


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
@settings(max_examples=scaled(50, 20_000, unit=20))
def test_any_bytes_are_parsed_or_rejected(data: bytes) -> None:
    check(data)
