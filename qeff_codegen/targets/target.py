"""Where generated code goes: what it imports its runtime from there, and what its files look like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from qeff_codegen.anatomy.rms_norm import NormKind

# What the name of a class that replaces upstream's begins with.
PREFIX = "QEff"

# The module for each arithmetic of an RMS norm, which the compiler has an operator for.
RMS_NORMS = {
    NormKind.PLAIN: "CustomRMSNormAIC",
    NormKind.ONE_PLUS: "GemmaCustomRMSNormAIC",
}

# Names that rules introduce and that come from libraries, for upstream files that do not import them themselves.
LIBRARY_NAMES = {
    "BaseModelOutputWithPast": "transformers.modeling_outputs",
    "Cache": "transformers.cache_utils",
    "CausalLMOutputWithPast": "transformers.modeling_outputs",
    "nn": "torch",
}


@dataclass(frozen=True)
class Target:
    """One place that generated code goes to.

    Names and arguments of the runtime are the same everywhere, so most of a target is a table of modules. What one
    target has and another has not decides which rules run: see `Rule.needs`.

    Attributes:
        name: for messages.
        modules: where each name that rules introduce is imported from.
        modeling_module: the modeling module of a model, with `{name}` for it.
        first_party: the top-level package of `modules`, which imports set apart from other packages'.
        licence: what every file there begins with, above upstream's licence; may be empty.
        command: what makes the file again, with `{name}` for the model and `{options}` for what finds its source.
        line_length: that lines are wrapped at.
        formatter: what lays the files out there: `black` or `ruff`.
        reminders: whether upstream's TODO comments may stand there.
        own_caches: whether its export asks the model for the names and shapes of what it caches; one that does not
            gives every layer keys and values of the one shape that the configuration names.
        asks_model: whether its runtime asks an image-text model itself for inputs, outputs, axes and sizes of its
            programs.
        exports_repeats: whether its exporter translates `repeat_interleave` along a negative axis as it should.
    """

    name: str
    modules: Mapping[str, str]
    modeling_module: str
    first_party: str
    licence: str
    command: str
    line_length: int
    formatter: str
    reminders: bool
    own_caches: bool
    asks_model: bool
    exports_repeats: bool

    def has(self, *names: str) -> bool:
        """Whether every one of `names` can be imported there."""
        return all(name in self.modules for name in names)
