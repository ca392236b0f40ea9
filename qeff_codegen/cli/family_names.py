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


def packaged_weights(_context: click.Context, _parameter: click.Parameter | None, begun: str) -> list[CompletionItem]:
    """Weights that this tool downloads, or else files."""
    return _or_files(_packaged(begun), begun)


def models_to_compile(context: click.Context, parameter: click.Parameter | None, begun: str) -> list[CompletionItem]:
    """Generated families, whose tiny models are compiled, and packaged weights, or else files."""
    return _or_files(sorted({*generated_families(context, parameter, begun), *_packaged(begun)}), begun)


def _packaged(begun: str) -> list[str]:
    from qeff_codegen.deploy.packaged_weights import PACKAGED

    return [name for name in PACKAGED if name.startswith(begun)]


def _or_files(names: list[str], begun: str) -> list[CompletionItem]:
    """Never both: where files are among the answers, click's function for bash forgets the others."""
    return [*map(CompletionItem, names)] or [CompletionItem(begun, type="file")]
