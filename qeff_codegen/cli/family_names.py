"""Names of families, for a shell that completes them."""

from __future__ import annotations

from pathlib import Path

import click
from click.shell_completion import CompletionItem

from qeff_codegen.errors import QEffCodegenError


def upstream_families(_context: click.Context, _parameter: click.Parameter | None, begun: str) -> list[str]:
    """Families of the installed transformers that have a causal LM or images, and the one that comes along here."""
    from qeff_codegen.upstream.find import BLUEPRINT, causal_lm_families, image_text_families

    try:
        families = {*causal_lm_families(), *image_text_families(), BLUEPRINT}
    except QEffCodegenError:  # nobody reads a message while a word is being typed
        return []
    return sorted(family for family in families if family.startswith(begun))


def generated_families(context: click.Context, _parameter: click.Parameter | None, begun: str) -> list[str]:
    """Models in the folder that a command was given, in `generated`, or else in what comes with this tool."""
    from qeff_codegen.checked_in.layout import INSTALLED
    from qeff_codegen.checked_in.manifest import load

    own = Path("generated")
    folder: Path = context.params.get("generated") or (own if own.is_dir() else INSTALLED)
    try:
        models = load(folder).models
    except QEffCodegenError:
        return []
    return sorted(name for name in models if name.startswith(begun))


def models_to_run(context: click.Context, parameter: click.Parameter | None, begun: str) -> list[CompletionItem]:
    """Generated families, packaged weights, and files."""
    from qeff_codegen.deploy.packaged_weights import PACKAGED

    packaged = [name for name in PACKAGED if name.startswith(begun)]
    names = sorted({*generated_families(context, parameter, begun), *packaged})
    return [*map(CompletionItem, names), CompletionItem(begun, type="file")]
