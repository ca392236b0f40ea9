"""The text of one transformers release, from wherever it is nearest."""

from __future__ import annotations

from qeff_codegen.errors import UsageError
from qeff_codegen.upstream.transformers_text import TransformersText, installed_transformers, transformers_in_wheel
from qeff_codegen.upstream.wheel import transformers_wheel


def release_text(version: str) -> TransformersText:
    """transformers `version`: the installed package if it is that release, else the release's wheel.

    Raises:
        UsageError: there is no such release, or its wheel cannot be fetched.
    """
    try:
        installed = installed_transformers()
    except UsageError:
        # None is needed: the wheel is text enough.
        return transformers_in_wheel(transformers_wheel(version))
    return installed if installed.version == version else transformers_in_wheel(transformers_wheel(version))
