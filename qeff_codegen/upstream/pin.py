"""The release of transformers that this package runs generated code with: the one its `run` extra names.

Read from the installed package's own metadata, since that is what `pip install 'qeff_codegen[run]'` acts on. The
manifest says what each checked-in file was generated from, which may be several releases, and may be gone.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, requires

from qeff_codegen.errors import UsageError


def pinned_version() -> str:
    """The pinned release of transformers.

    Raises:
        UsageError: this package is not installed, so it has no metadata.
    """
    # Imported late: every command finds models, few ask for the pin, and this takes longer than finding one.
    from packaging.requirements import Requirement

    try:
        requirements = [Requirement(text) for text in requires("qeff_codegen") or ()]
    except PackageNotFoundError as error:
        raise UsageError(
            "qeff_codegen is not installed, so which transformers it pins is not known.\nRun pip install -e ."
        ) from error
    (pin,) = [requirement for requirement in requirements if requirement.name == "transformers"]
    (specifier,) = pin.specifier
    return specifier.version
