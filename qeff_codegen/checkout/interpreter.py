"""Which Python runs a checkout: QEfficient needs packages in versions of its own."""

from __future__ import annotations

import os
from pathlib import Path

from qeff_codegen.errors import UsageError

VARIABLE = "QEFFICIENT_PYTHON"
# Where environments are usually made, and what QEfficient's own instructions call it.
_ENVIRONMENTS = (".venv", "venv", "qeff_env")


def checkout_python(checkout: Path, given: Path | None) -> Path:
    """The interpreter to run `checkout` with: the one given, the variable's, or that of an environment in it.

    Raises:
        UsageError: what was given is not there, or there is none.
    """
    named = os.environ.get(VARIABLE)
    if given is not None:
        return _existing(given, "--checkout-python")
    if named:
        return _existing(Path(named), VARIABLE)
    usual = [checkout / environment / "bin" / "python" for environment in _ENVIRONMENTS]
    for python in usual:
        if python.is_file():
            return python.absolute()
    raise UsageError(
        f"There is no Python that runs {checkout}: none of {', '.join(map(str, usual))} is there.\n"
        "QEfficient needs an environment of its own. Make one as the checkout's README.md says, and name its "
        f"interpreter with --checkout-python or in {VARIABLE}."
    )


def _existing(python: Path, named_by: str) -> Path:
    """Made absolute, not resolved: an environment's interpreter is a link, and is found by where the link is."""
    if not python.is_file():
        found = "is a folder" if python.is_dir() else "does not exist"
        raise UsageError(f"{named_by} names {python}, which {found}. Give the path of a Python interpreter.")
    return python.absolute()
