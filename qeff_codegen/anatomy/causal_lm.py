"""Find the causal LM of a file: named by upstream's own table, or the one class that generates and returns logits."""

from __future__ import annotations

from qeff_codegen.anatomy.modeling_file import ModelingClass, ModelingFile
from qeff_codegen.anatomy.refusing import refusal
from qeff_codegen.codemod.tree import speaks_of

LOGITS = "logits"


def find_causal_lm(file: ModelingFile) -> ModelingClass:
    """The causal LM.

    Raises:
        Refusal: the file has none, or several that might be meant.
    """
    named = file.upstream.causal_lm
    if named is not None:
        if named not in file.classes:
            raise refusal(file, f"`{named}` is not defined in this file", 1, f"class {named}")
        return file.classes[named]
    candidates = [cls for cls in file.classes.values() if _looks_like_causal_lm(cls)]
    if len(candidates) != 1:
        found = ", ".join(cls.name for cls in candidates) or "none"
        raise refusal(
            file,
            f"there must be one causal LM in the file, found {found}",
            candidates[0].node.lineno if candidates else 1,
            "one class that inherits GenerationMixin and whose forward returns logits",
        )
    return candidates[0]


def why_causal_lm(file: ModelingFile, cls: ModelingClass) -> tuple[str, ...]:
    """What made `find_causal_lm` choose it."""
    if file.upstream.causal_lm == cls.name:
        return (f"upstream's causal-LM table names it for `{file.upstream.name}`",)
    return ("the one class that inherits GenerationMixin and returns logits",)


def _looks_like_causal_lm(cls: ModelingClass) -> bool:
    return any(base.split(".")[-1] == "GenerationMixin" for base in cls.bases) and speaks_of(LOGITS, cls.forward)
