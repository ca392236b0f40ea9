"""Turns an upstream model into its QEff form in place, by mapping module classes."""

from __future__ import annotations

from typing import ClassVar

from torch import nn


class ModuleMappingTransform:
    """Base of the generated transforms, which fill in `_module_mapping` and, where they need it, `_remote_mapping`.

    The classes of a model whose modeling file is in no package cannot be imported, so they are found by their names:
    `_remote_mapping` has, by the name of the causal LM, a mapping for the model as a whole. Names are spelled as in
    `auto_map` of a checkpoint's `config.json`, `modeling_<name>.<Class>`.

    It is a class, not a function, because the mapping is what a generated file adds to it, and QEfficient's
    transforms of the same name are used the same way.
    """

    _module_mapping: ClassVar[dict[type[nn.Module], type[nn.Module]]]
    _remote_mapping: ClassVar[dict[str, dict[str, type[nn.Module]]]] = {}

    @classmethod
    def apply(cls, model: nn.Module) -> tuple[nn.Module, bool]:
        """Replaces the class of every module whose exact type is a key, parents before children.

        `__init__` of the new class never runs; its `__qeff_init__`, if it has one, runs as soon as the class is
        assigned, so it may replace children that are still upstream's. Applying twice changes nothing more:
        replacements are subclasses, an exact type match does not see them.

        Args:
            model: changed in place.

        Returns:
            The same model, and whether any module was replaced.
        """
        transformed = False
        by_name = cls._remote_mapping.get(class_name(getattr(model, _UPSTREAM, type(model))))
        for module in model.modules():
            if by_name is not None:
                replacement = by_name.get(class_name(type(module)))
            else:
                replacement = cls._module_mapping.get(type(module))
            if replacement is None:
                continue
            module.__class__ = replacement if by_name is None else _in_place_of(type(module), replacement)
            prepare = getattr(module, "__qeff_init__", None)
            if prepare is not None:
                prepare()
            transformed = True
        return model, transformed


def class_name(cls: type) -> str:
    """A class as `auto_map` of a checkpoint's `config.json` names it: its module without packages, and its name."""
    return f"{cls.__module__.rpartition('.')[2]}.{cls.__name__}"


# How a joined class names upstream's; by that a model whose causal LM is replaced already is still known.
_UPSTREAM = "_upstream_class"
# One class for each pair, so that all layers are of one class.
_JOINED: dict[tuple[type, type], type[nn.Module]] = {}


def _in_place_of(upstream: type[nn.Module], replacement: type[nn.Module]) -> type[nn.Module]:
    """A class that is the generated one first and upstream's in all else, which `super()` of the first then means."""
    if issubclass(replacement, upstream):
        return replacement
    if (upstream, replacement) not in _JOINED:
        body = {"__module__": replacement.__module__, _UPSTREAM: upstream}
        _JOINED[upstream, replacement] = type(replacement.__name__, (replacement, upstream), body)
    return _JOINED[upstream, replacement]
