"""One upstream modeling file, as text."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

from qeff_codegen.upstream.plain_layout import with_usual_ends


@dataclass(frozen=True)
class UpstreamModel:
    """A modeling file and what generated code must know to import from it.

    Attributes:
        name: the name of the generated package, such as `llama`.
        display_path: stable path for headers and messages, such as `transformers/models/llama/modeling_llama.py`;
            never a path of this machine.
        module: dotted module generated code imports upstream's classes from.
        source: the file's text.
        causal_lm: the ForCausalLM class that is meant, if something names it.
        named_by: what names it, for messages.
        version: the transformers version the text comes from, if it comes from transformers.
        families: the model types that this causal LM serves; several when they differ in configuration alone.
        options: what the command line needs beside the name to find this source again.
        importable: whether `module` is one that generated code can import from; a file outside of any package is none,
            and its classes are known to generated code by their names alone.
        imports: for the modules that a file outside of any package imports relatively, as they are spelled, the
            absolute ones that are meant; `.<name>` for a file beside it.
    """

    name: str
    display_path: str
    module: str
    source: str
    causal_lm: str | None = None
    named_by: str = ""
    version: str | None = None
    families: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    importable: bool = True
    imports: tuple[tuple[str, str], ...] = ()

    @cached_property
    def lines(self) -> tuple[str, ...]:
        """The lines of the text as Python's parser counts them."""
        return tuple(with_usual_ends(self.source).removesuffix("\n").split("\n"))

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the source text (UTF-8), as the manifest records it."""
        return hashlib.sha256(self.source.encode("utf-8")).hexdigest()
