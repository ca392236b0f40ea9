"""Find the causal LM of a file: the class that upstream's own table or the user names, or the one that has its form.

Its form is that its forward calls a model of the file and returns logits over the vocabulary. What it inherits tells
it apart only where several have that form: until transformers 4.50 no model had to inherit GenerationMixin.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.another_kind import refuse_another_kind
from qeff_codegen.anatomy.called_modules import called_modules
from qeff_codegen.anatomy.mentions import mentioned
from qeff_codegen.anatomy.modeling_file import ModelingClass, ModelingFile
from qeff_codegen.anatomy.refusing import refusal
from qeff_codegen.codemod.tree import find, speaks_of

LOGITS = "logits"
# What heads are made of and return that are none over the vocabulary.
_LABELS, _SPAN = "num_labels", "start_logits"
# So many classes that are not it are named in a message.
_NAMED = 6


def find_causal_lm(file: ModelingFile) -> ModelingClass:
    """The causal LM.

    Raises:
        Refusal: the file has none, or several that might be meant.
    """
    named = file.upstream.causal_lm
    if named is not None:
        if named not in file.classes:
            raise refusal(
                file,
                f"`{named}` is not defined in this file",
                1,
                f"class {named}",
                f"name another class with --class; this file's own are {', '.join(file.classes) or 'none'}",
            )
        return file.classes[named]
    candidates = _candidates(file)
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        names = [cls.name for cls in candidates]
        raise refusal(
            file,
            f"there must be one causal LM in the file, found {', '.join(names)}",
            candidates[0].node.lineno,
            "one class whose forward calls the model and returns logits over the vocabulary",
            f"say which is meant: {' or '.join(f'--class {name}' for name in names)}",
        )
    refuse_another_kind(file, _own_classes(file))
    others = [cls for cls in _own_classes(file) if _is_near(cls)]
    said = [f"`{cls.name}`: {'; '.join(_lacking(file, cls))}" for cls in others[:_NAMED]]
    said += [f"{len(others) - _NAMED} more"] if len(others) > _NAMED else []
    raise refusal(
        file,
        f"no class of the file is a causal LM ({', '.join(said) or 'none returns logits'})",
        others[0].node.lineno if others else 1,
        "one class whose forward calls a model of the file and returns logits over the vocabulary",
        (
            "if one of these is a causal LM all the same, name it with --class"
            if said
            else "name the file that has it with --source; an encoder, or a part of a model, is none"
        ),
    )


def why_causal_lm(file: ModelingFile, cls: ModelingClass) -> tuple[str, ...]:
    """What made `find_causal_lm` choose it."""
    if file.upstream.causal_lm == cls.name:
        return (f"{file.upstream.named_by or 'upstream'} names it for `{file.upstream.name}`",)
    if _inherits_generation(cls):
        return ("the one class that inherits GenerationMixin and returns logits",)
    return ("the one class whose forward calls a model and returns logits over the vocabulary",)


def _candidates(file: ModelingFile) -> list[ModelingClass]:
    """The classes of the file that have a causal LM's form; those that generate by themselves before all others."""
    own = _own_classes(file)
    generating = [cls for cls in own if _inherits_generation(cls) and speaks_of(LOGITS, cls.forward)]
    if generating:
        return generating
    found = [cls for cls in own if not _lacking(file, cls)]
    # A model may compute the logits itself, for the class around it.
    inner = {other.name for cls in found for other in mentioned(file, cls) if other is not cls}
    return [cls for cls in found if cls.name not in inner]


def _own_classes(file: ModelingFile) -> list[ModelingClass]:
    """The classes that the file defines itself, and does not take from another one."""
    return [cls for cls in file.classes.values() if cls.name not in file.upstream.elsewhere]


def _is_near(cls: ModelingClass) -> bool:
    """Whether somebody might take a class for a causal LM: it generates, or is made of others and returns logits."""
    return _inherits_generation(cls) or (_has_logits(cls) and any(cls.built.values()))


def _lacking(file: ModelingFile, cls: ModelingClass) -> list[str]:
    """What a class lacks to be a causal LM; nothing for one that has its form."""
    if cls.forward is None:
        return ["it has no forward of its own"]
    found = []
    if not _has_logits(cls):
        found.append("its forward returns no logits")
    if not any(called_modules(file, cls)):
        found.append("its forward calls no model of this file")
    if speaks_of(_LABELS, cls.node):
        found.append(f"its logits are of labels (`{_LABELS}`)")
    if speaks_of(_SPAN, cls.forward):
        found.append(f"its logits are of a span (`{_SPAN}`)")
    return found


def _has_logits(cls: ModelingClass) -> bool:
    """Whether the forward has logits of its own, and not of a router alone."""
    named = [
        *(item.id for item in find(ast.Name, cls.forward)),
        *(item.attr for item in find(ast.Attribute, cls.forward)),
    ]
    return LOGITS in (*named, *(item.arg for item in find(ast.keyword, cls.forward)))


def _inherits_generation(cls: ModelingClass) -> bool:
    return any(base.split(".")[-1] == "GenerationMixin" for base in cls.bases)
