"""Loads a benchmark's `streams.py` from its path; its seeds can be shifted."""

import importlib.util
import zlib
from pathlib import Path
from types import ModuleType


def load_streams(path: Path, seed: int | None) -> ModuleType:
    """Return the module with its NULL, CHANGE and SPECIAL families; `seed` replaces their seeds."""
    spec = importlib.util.spec_from_file_location("detection_streams", path)
    if spec is None or spec.loader is None:
        raise SystemExit(f"no module at {path}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if seed is not None:
        draw = module.np.random.default_rng
        vars(module)["rng_for"] = lambda name, rep: draw([zlib.crc32(name.encode()), rep, seed])
    return module
