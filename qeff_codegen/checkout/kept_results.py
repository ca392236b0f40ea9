"""What the stages found on a checkout's own runtime, kept until what they ran there changes.

Nothing is written into the checkout: the files lie where `validate` keeps its other records.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from qeff_codegen.checkout.checkout import MODELS, PACKAGE, TRANSFORMS, open_checkout
from qeff_codegen.checkout.edit_checks import other_code
from qeff_codegen.checkout.serving_file import ServingFile, serving_file
from qeff_codegen.files.kept_results import keep_result, kept_result
from qeff_codegen.own_code import own_code_sha256
from qeff_codegen.validation.results import ScenarioResult

RESULTS = Path("build/validation/checkouts")


def keep_results(checkout: Path, name: str, results: Sequence[ScenarioResult], folder: Path = RESULTS) -> None:
    """Keep what was found for `name`, with a hash of what served it.

    Args:
        checkout: root of the checkout that it ran in.
        name: the family.
        results: every scenario's.
        folder: where to keep it.

    Raises:
        OSError: the folder cannot be written to.
    """
    keep_result(_path(checkout, name, folder), _ran(checkout, name), [result.as_json() for result in results])


def load_results(checkout: Path, name: str, folder: Path = RESULTS) -> tuple[ScenarioResult, ...]:
    """What was found for `name`; nothing where it was not run, or where what it ran has changed.

    Changed means: other bytes in the folder of the modeling file that serves `name` in `checkout`, or in any Python
    file of QEfficient outside of its families' folders; other classes mapped for it; another pinned transformers; or
    other code of ours that runs and compares. The interpreter's other packages are not looked at.
    """
    path = _path(checkout, name, folder)
    if not path.is_file():
        return ()
    try:
        ran = _ran(checkout, name)
    except (OSError, ValueError):
        # What cannot be read of the checkout is not known to be what ran.
        return ()
    return tuple(ScenarioResult.from_json(result) for result in kept_result(path, ran) or ())


def _ran(checkout: Path, name: str) -> dict[str, str]:
    """What the results hold for. Where nothing serves the family, that is what they hold for."""
    opened = open_checkout(checkout)
    found = serving_file(checkout, name, opened.transformers)
    tool = own_code_sha256("checkout", "decoding", "export", "runtime", "tiny_models", "validation")
    if found is None:
        return {"file": "", "sha256": "", "tool": tool}
    digest = hashlib.sha256()
    for part in (opened.transformers.encode(), *(entry.encode() for entry in found.entries), *_code(checkout, found)):
        digest.update(hashlib.sha256(part).digest())
    return {"file": found.path.as_posix(), "sha256": digest.hexdigest(), "tool": tool}


def _code(checkout: Path, served: ServingFile) -> Iterator[bytes]:
    """QEfficient's code that runs for a family: its folder, and what is no family's."""
    for path in sorted((checkout / PACKAGE).rglob("*.py")):
        relative = path.relative_to(checkout)
        if relative == TRANSFORMS:
            # Other families' entries and imports come and go.
            yield other_code(ast.parse(path.read_bytes())).encode()
        elif MODELS not in relative.parent.parents or served.path.parent in relative.parents:
            yield relative.as_posix().encode()
            yield path.read_bytes()


def _path(checkout: Path, name: str, folder: Path) -> Path:
    """One folder for each checkout, as two may have a file of the same bytes and runtimes that differ."""
    root = checkout.resolve()
    place = hashlib.sha256(str(root).encode()).hexdigest()[:12]
    return folder / f"{root.name}-{place}" / f"{name.replace('-', '_')}.json"
