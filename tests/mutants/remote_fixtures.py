"""Mutants of modeling files that are not in transformers: Shale in three idioms of older releases."""

from __future__ import annotations

import importlib
import sys
import tempfile
from pathlib import Path

from qeff_codegen.tiny_models.families import Family
from qeff_codegen.upstream.find import find_model
from qeff_codegen.upstream.source import UpstreamModel
from tests.remote.dialects.idioms import HALVES, IDIOMS
from tests.remote.dialects.shale import write_shale

# Pairs of keys and values that are joined to, a cache that is asked for usable lengths, one that is turned into pairs.
FIXTURES = {f"remote_{name}": IDIOMS[name] | HALVES for name in ("pairs", "usable_length", "legacy_cache")}


def fixture(name: str) -> tuple[UpstreamModel, Family]:
    """A fixture's text and its classes, in a package of its own that lasts as long as the process does."""
    folder = Path(tempfile.mkdtemp(prefix="fixtures-")) / name
    write_shale(folder, **FIXTURES[name])
    # A checkpoint is in no package, and mutants are imported from the one that their original is in.
    (folder / "config.json").unlink()
    (folder / "__init__.py").touch()
    sys.path.append(str(folder.parent))
    upstream = find_model(name, source=folder / "modeling_shale.py")
    modeling = importlib.import_module(upstream.module)
    return upstream, Family(name, modeling.ShaleConfig, modeling.ShaleForCausalLM, modeling)
