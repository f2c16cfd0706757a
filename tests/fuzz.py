"""Coverage-guided fuzzing of prompt documents: `make fuzz`, for FUZZ_S seconds (libFuzzer by atheris: needs Linux).

Inputs that reach new lines are saved in `.cache/fuzz`. A crash, or an input that takes longer than 5 s, ends the run
and saves the input in a file `.cache/fuzz-crash-…`.
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
_MAX_BYTES = 4096


def _mutate(data: bytes, max_size: int, seed: int) -> bytes:
    """Change a document's parts where the input is JSON, else, or by chance, its bytes."""
    rng = random.Random(seed)
    if rng.random() < 0.5:
        try:
            return mutated([json.loads(data)], rng)[:max_size]
        except (ValueError, RecursionError):
            pass
    return bytes(atheris.Mutate(data, max_size))


def main(seconds: str = "60") -> None:
    """Fuzz from the corpus of former runs and from mutated vectors."""
    _CORPUS.mkdir(parents=True, exist_ok=True)
    rng, vectors = random.Random(1), documents()
    for number in range(_SEEDS):
        (_CORPUS / f"seed-{number}").write_bytes(mutated(vectors, rng)[:_MAX_BYTES])
    options = [f"-max_total_time={seconds}", "-timeout=5", f"-max_len={_MAX_BYTES}", f"-artifact_prefix={_CORPUS}-"]
    atheris.Setup([sys.argv[0], *options, str(_CORPUS)], check, custom_mutator=_mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
