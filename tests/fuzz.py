"""Coverage-guided fuzzing of prompt documents: `make fuzz`, for FUZZ_S seconds (libFuzzer by atheris: needs Linux).

What reaches new lines is kept in `.cache/fuzz`. A crash, or an input that takes longer than 5 s, ends it with a file
`.cache/fuzz-crash-…` that holds the input.
"""

import importlib
import json
import random
import sys
from pathlib import Path
from typing import Any

atheris: Any = importlib.import_module("atheris")  # not among the pinned requirements: `make fuzz` installs it

with atheris.instrument_imports(include=["ratchet"]):
    from tests.support.prompt_inputs import check, documents, mutated

_CORPUS = Path(".cache/fuzz")
_SEEDS = 200
_MOST_BYTES = 4096


def _mutate(data: bytes, most: int, seed: int) -> bytes:
    """Change a document's parts where the input is JSON, else, or by chance, its bytes."""
    chances = random.Random(seed)
    if chances.random() < 0.5:
        try:
            return mutated([json.loads(data)], chances)[:most]
        except (ValueError, RecursionError):
            pass
    return bytes(atheris.Mutate(data, most))


def main(seconds: str = "60") -> None:
    """Fuzz from the corpus of former runs and from mutated vectors."""
    _CORPUS.mkdir(parents=True, exist_ok=True)
    chances, known = random.Random(1), documents()
    for number in range(_SEEDS):
        (_CORPUS / f"seed-{number}").write_bytes(mutated(known, chances)[:_MOST_BYTES])
    options = [f"-max_total_time={seconds}", "-timeout=5", f"-max_len={_MOST_BYTES}", f"-artifact_prefix={_CORPUS}-"]
    atheris.Setup([sys.argv[0], *options, str(_CORPUS)], check, custom_mutator=_mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
