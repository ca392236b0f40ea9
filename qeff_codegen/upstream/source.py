"""One upstream modeling file, as text."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

from qeff_codegen.upstream.plain_layout import with_usual_ends

# What names a causal LM that stands in transformers.
BY_TABLE = "upstream's causal-LM table"


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
        families: the model types that this class serves; several when they differ in configuration alone.
        image_text: the class that the table of image-text models names for it, if that stands in the same file.
        configuration: of an image-text model, the path and the text of the file with its configuration classes, which
            say of what its parts are built; empty where there is none.
        options: what the command line needs beside the name to find this source again.
        places: where each line of a text that is put together from several files comes from: the file as messages
            call it, and the 1-based line there; empty for one file as it is.
        defined_in: of such a text, the names that another module defines, with that module, one without a dot being a
            file beside this one, and what they are called there.
        heads: of such a text, for each other file that it has definitions of, what messages call it and the lines of
            comments that it begins with.
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
    image_text: str | None = None
    configuration: tuple[str, str] = ("", "")
    options: tuple[str, ...] = ()
    places: tuple[tuple[str, int], ...] = ()
    defined_in: tuple[tuple[str, str, str], ...] = ()
    heads: tuple[tuple[str, tuple[str, ...]], ...] = ()
    importable: bool = True
    imports: tuple[tuple[str, str], ...] = ()

    @property
    def is_image_text(self) -> bool:
        """Whether it is an image-text model alone: one that has a causal LM too is that first."""
        return self.image_text is not None and self.causal_lm is None

    def place(self, line: int) -> tuple[str, int]:
        """The file, as messages call it, that a 1-based line of the text comes from, and the line there."""
        return self.places[min(line, len(self.places)) - 1] if self.places else (self.display_path, line)

    @property
    def loaded_class(self) -> str | None:
        """The class that a checkpoint is loaded as, if something names it."""
        return self.causal_lm or self.image_text

    @cached_property
    def elsewhere(self) -> dict[str, tuple[str, str]]:
        """The names that another module defines, with that module and what they are called there."""
        return {name: (module, original) for name, module, original in self.defined_in}

    def definition(self, name: str) -> tuple[str, str]:
        """The module that a name at the top of the text is defined in, and what it is called there."""
        return self.elsewhere.get(name, (self.module, name))

    def can_import(self, name: str) -> bool:
        """Whether generated code can import a name at the top of the text from where it is defined."""
        return "." in self.elsewhere[name][0] if name in self.elsewhere else self.importable

    @cached_property
    def lines(self) -> tuple[str, ...]:
        """The lines of the text as Python's parser counts them."""
        return tuple(with_usual_ends(self.source).removesuffix("\n").split("\n"))

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the source text (UTF-8), as the manifest records it."""
        return hashlib.sha256(self.source.encode("utf-8")).hexdigest()
