"""The checkout of QEfficient and its interpreter that some tests need, named by environment variables."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from qeff_codegen.checkout.checkout import CONFIGURATIONS, MODELS_TABLE
from qeff_codegen.checkout.environment import environment_for
from qeff_codegen.checkout.interpreter import VARIABLE

CHECKOUT_VARIABLE = "QEFFICIENT_CHECKOUT"

needs_qefficient = pytest.mark.skipif(
    not (os.environ.get(CHECKOUT_VARIABLE) and os.environ.get(VARIABLE)),
    reason=f"{CHECKOUT_VARIABLE} and {VARIABLE} do not name a checkout of QEfficient and its interpreter",
)


def qefficient_checkout() -> Path:
    """The checkout, of which nothing may be changed."""
    return Path(os.environ[CHECKOUT_VARIABLE])


def qefficient_python() -> Path:
    """Its interpreter."""
    return Path(os.environ[VARIABLE])


def answer_of(script: str, folder: Path, *arguments: Any) -> Any:
    """What a file of this folder prints last in the checkout's interpreter, a JSON document.

    Args:
        script: the file's name.
        folder: an empty one, where it may write; its path is the script's first argument.
        arguments: the others, each handed over as a JSON document.
    """
    ran = subprocess.run(
        [qefficient_python(), "-W", "ignore", Path(__file__).with_name(script), folder, *map(json.dumps, arguments)],
        env=environment_for(qefficient_checkout(), folder),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    return json.loads(ran.stdout.splitlines()[-1])


def checkout_to_apply_in(folder: Path) -> Path:
    """A copy of the files that `apply` reads and writes."""
    root = copy_of_the_checkout(folder)
    for name in (CONFIGURATIONS, MODELS_TABLE):
        (root / name).parent.mkdir(parents=True)
        shutil.copy(qefficient_checkout() / name, root / name)
    return root


def copy_of_the_checkout(folder: Path) -> Path:
    """What of the checkout can be imported, for tests that change a file of it."""
    original = qefficient_checkout()
    shutil.copytree(original / "QEfficient", folder / "QEfficient", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(original / "pyproject.toml", folder)
    return folder
