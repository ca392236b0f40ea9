"""What a family's result depends on, as one hash: it is swept again when any of it has changed."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterable
from functools import cache
from importlib.metadata import version
from pathlib import Path

from qeff_codegen.engine.rules_hash import rules_sha256
from qeff_codegen.errors import QEffCodegenError
from qeff_codegen.upstream.find import find_model
from qeff_codegen.upstream.transformers_text import TransformersText, installed_transformers

# What it takes to run a family, and decides its result.
PACKAGES = ("black", "numpy", "onnx", "onnxruntime", "onnxscript", "torch", "transformers")
# Code of ours that shows results and decides none. All else counts, whatever will be added.
_ONLY_SHOWS = ("bump", "check", "cli", "coverage/page.py", "releases", "review", "site", "sweep/progress.py")
# But for these, whose counts are part of a result.
_COUNTS = ("review/lines_changed.py", "review/upstream_share.py")


def result_key(family: str, last_stage: int) -> str:
    """A hash of the family's upstream source, the rules and all our code, the packages, and the stages asked for."""
    transformers = _transformers()
    folders = {transformers.tables.folder(family)}
    try:
        model = find_model(family)
        module = model.module
        # Another one where a family has its configuration only, and the code of its layers from another family; and
        # those of families that its file takes classes from.
        folders |= {
            defining.split(".")[-2] for defining in (module, *(other for other, _ in model.elsewhere.values()))
        }
    except QEffCodegenError as error:  # no modeling file: the message is all there is to depend on
        module = str(error)
    sources = _hash_of_files(path for folder in folders for path in _models(transformers).glob(f"{folder}/*.py"))
    parts = (family, module, sources, str(last_stage), _surroundings())
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def own_files() -> list[Path]:
    """The files of this package that decide a result: code, and the data it reads."""
    root = Path(__file__).resolve().parents[1]
    shown, counting = [root / name for name in _ONLY_SHOWS], {root / name for name in _COUNTS}
    return [
        path
        for path in (*root.rglob("*.py"), *root.rglob("*.json"))
        if path in counting or not any(path.is_relative_to(other) for other in shown)
    ]


def own_sha256() -> str:
    """A hash of the files of this package that decide a result, the same on every machine that has them."""
    root = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256()
    for path in sorted(own_files()):
        digest.update(path.relative_to(root).as_posix().encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


@cache
def _surroundings() -> str:
    """All that is the same for every family."""
    transformers = _transformers()
    models = _models(transformers)
    # In a checkout of transformers, files change and its version does not.
    shared = [path for path in Path(str(transformers.root)).rglob("*.py") if not path.is_relative_to(models)]
    parts = [rules_sha256(), _hash_of_files(own_files()), _hash_of_files([*shared, *models.glob("auto/*.py")])]
    parts += [platform.python_version(), *(f"{package} {version(package)}" for package in PACKAGES)]
    return "\n".join(parts)


@cache
def _transformers() -> TransformersText:
    return installed_transformers()


def _models(transformers: TransformersText) -> Path:
    return Path(str(transformers.root / "models"))


def _hash_of_files(paths: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(path.as_posix().encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
