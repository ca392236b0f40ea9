"""Names of families, for a shell that completes them."""

from __future__ import annotations

from pathlib import Path

import click

from qeff_codegen.errors import QEffCodegenError


def upstream_families(_context: click.Context, _parameter: click.Parameter | None, begun: str) -> list[str]:
    """Families of the installed transformers that have a causal LM or images."""
    from qeff_codegen.upstream.find import causal_lm_families, image_text_families

    try:
        families = {*causal_lm_families(), *image_text_families()}
    except QEffCodegenError:  # nobody reads a message while a word is being typed
        return []
    return sorted(family for family in families if family.startswith(begun))


def generated_families(context: click.Context, _parameter: click.Parameter | None, begun: str) -> list[str]:
    """Models in the folder that a command was given, or that it takes."""
    from qeff_codegen.checked_in.layout import INSTALLED
    from qeff_codegen.checked_in.manifest import load

    given = context.params.get("generated")
    folder = given if isinstance(given, Path) else Path("generated")
    try:
        models = load(folder if folder.is_dir() else INSTALLED).models
    except QEffCodegenError:
        return []
    return sorted(name for name in models if name.startswith(begun))
