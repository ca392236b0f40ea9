"""Find the attentions of a decoder layer: what updates the KV cache, in the layer itself or in one module between."""

from __future__ import annotations

from qeff_codegen.anatomy.anatomy import Part
from qeff_codegen.anatomy.caches import cache_update, passed_cache, received_cache
from qeff_codegen.anatomy.called_as import spellings
from qeff_codegen.anatomy.joined_pairs import joined_pair
from qeff_codegen.anatomy.modeling_file import ModelingClass, ModelingFile
from qeff_codegen.anatomy.refusing import refusal
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.tree import spelled


def find_attentions(file: ModelingFile, layer: ModelingClass) -> tuple[Part, ...]:
    """Every class that a decoder layer, or the module between, builds and that updates the cache.

    Raises:
        Refusal: a call may be of one or the other.
    """
    parts: dict[str, Part] = {}
    for attribute, names in layer.built.items():
        for name in names:
            cls = file.classes[name]
            kept = _kept(file, cls)
            if kept is None or cls.forward is None:
                continue
            known = parts.get(name)
            because, cache = (known.because, known.cache_parameter) if known else ((kept[0],), kept[1])
            called_as = (*(known.called_as if known else ()), *spellings(layer, attribute))
            parts[name] = Part(
                Role.ATTENTION,
                cls,
                (*because, f"`{layer.name}` builds it as `self.{attribute}`"),
                called_as,
                cache,
                _alternatives(file, layer, cls),
            )
    called = [spelling for part in parts.values() for spelling in part.called_as]
    shared = next((spelling for spelling in called if called.count(spelling) > 1), None)
    if shared is not None:
        raise refusal(
            file,
            f"`{shared}` of `{layer.name}` may be one of several attentions: {', '.join(parts)}",
            layer.node.lineno,
            "one attention class for each attribute of the decoder layer",
        )
    return tuple(parts.values())


def keeps_cache(cls: ModelingClass) -> bool:
    """Whether a class updates the KV cache, or joins keys and values to a pair that it is given."""
    return cache_update(cls) is not None or joined_pair(cls) is not None


def _kept(file: ModelingFile, cls: ModelingClass) -> tuple[str, str] | None:
    """Why a class is an attention, and the parameter by which it is given the cache; None if it is none."""
    update = cache_update(cls)
    if update is not None and cls.forward is not None:
        return f"its forward calls `{spelled(update)}`", received_cache(file, cls, update)
    pair = joined_pair(cls)
    return None if pair is None else (f"its forward joins keys and values to those of `{pair.pair}`", pair.pair)


def find_wrapper(file: ModelingFile, layer: ModelingClass) -> tuple[tuple[str, ...], str] | None:
    """Attributes and class of the one module that stands between a decoder layer and its attention, if one does."""
    built = [(attribute, name) for attribute, names in layer.built.items() for name in names]
    if any(keeps_cache(file.classes[name]) for _, name in built):
        return None
    between = [
        (attribute, name)
        for attribute, name in built
        for inner in {inner for names in file.classes[name].built.values() for inner in names}
        if keeps_cache(file.classes[inner]) and file.classes[name].forward is not None
    ]
    names = {name for _, name in between}
    return (tuple(attribute for attribute, _ in between), names.pop()) if len(names) == 1 else None


def wrapper_part(
    file: ModelingFile, layer: ModelingClass, attributes: tuple[str, ...], name: str, attentions: tuple[Part, ...]
) -> Part:
    """The module that `find_wrapper` found, as a part of the call path."""
    callees = {spelling: part for part in attentions for spelling in part.called_as}
    return Part(
        Role.ATTENTION_WRAPPER,
        file.classes[name],
        (
            f"`{layer.name}` builds it as {', '.join(f'`self.{attribute}`' for attribute in attributes)}",
            f"it builds the attention `{', '.join(part.name for part in attentions)}`",
        ),
        tuple(spelling for attribute in attributes for spelling in spellings(layer, attribute)),
        passed_cache(file, file.classes[name], callees),
    )


def _alternatives(file: ModelingFile, builder: ModelingClass, cls: ModelingClass) -> tuple[str, ...]:
    """Other implementations of an attention; each must be the same module with another forward."""
    names = builder.alternatives.get(cls.name, ())
    for name in names:
        if file.classes[name].bases != (cls.name,):
            raise refusal(
                file,
                f"`{name}` may stand in for `{cls.name}` and is not a subclass of it",
                file.classes[name].node.lineno,
                f"`class {name}({cls.name})`, the same weights with another forward",
            )
    return names
