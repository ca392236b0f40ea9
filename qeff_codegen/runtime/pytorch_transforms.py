"""Turns an upstream model into its QEff form in place, by mapping module classes."""

from __future__ import annotations

from typing import ClassVar

from torch import nn


class ModuleMappingTransform:
    """Base of the generated transforms, which fill in `_module_mapping`.

    It is a class, not a function, because the mapping is what a generated file adds to it, and QEfficient's
    transforms of the same name are used the same way.
    """

    _module_mapping: ClassVar[dict[type[nn.Module], type[nn.Module]]]

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
        for module in model.modules():
            replacement = cls._module_mapping.get(type(module))
            if replacement is None:
                continue
            module.__class__ = replacement
            prepare = getattr(module, "__qeff_init__", None)
            if prepare is not None:
                prepare()
            transformed = True
        return model, transformed
