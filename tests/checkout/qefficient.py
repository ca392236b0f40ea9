"""The checkout of QEfficient and its interpreter that some tests need, named by environment variables."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from qeff_codegen.checkout.checkout import CONFIGURATIONS, MODELS_TABLE
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
