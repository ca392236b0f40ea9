"""A virtual environment for one transformers release.

It holds that release and what the release pins otherwise than the running environment does, such as huggingface_hub;
the rest is the running environment's. So whatever differs between two releases differs on the same torch, the same
exporter and the same ONNX Runtime.
"""

from __future__ import annotations

import importlib.metadata
import re
import sys
from pathlib import Path

from qeff_codegen.environments.layered import layered_python
from qeff_codegen.upstream.wheel import transformers_wheel

# The oldest release whose caches and masks the runtime of generated code knows.
OLDEST = "4.57.6"


def is_too_old(version: str) -> bool:
    """Whether generated code does not run with a release."""
    numbers = [tuple(map(int, re.findall(r"\d+", text)[:2])) for text in (version, OLDEST)]
    return numbers[0] < numbers[1]


def release_python(version: str) -> Path:
    """The interpreter of an environment that has `transformers==version`, made when first asked for.

    Where the running environment has that release, it is the running interpreter.

    Raises:
        UsageError: `version` is no version, pip has no such release or not what it needs, or the cache folder cannot
            be written.
    """
    if version == _running_release():
        return Path(sys.executable)
    wheel = transformers_wheel(version)
    return layered_python(f"transformers-{version}", (str(wheel),), f"transformers {version}")


def _running_release() -> str | None:
    try:
        return importlib.metadata.version("transformers")
    except importlib.metadata.PackageNotFoundError:
        return None
