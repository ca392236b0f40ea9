from __future__ import annotations

from typing import Any, ClassVar

from torch import nn

from qeff_codegen.runtime.pytorch_transforms import ModuleMappingTransform


class Outer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = Inner()
        self.special = SpecialInner()


class Inner(nn.Module):
    pass


class SpecialInner(Inner):
    pass


class QEffOuter(Outer):
    def __qeff_init__(self) -> None:
        self.class_of_inner_when_prepared = type(self.inner)


class QEffInner(Inner):
    preparations = 0

    def __qeff_init__(self) -> None:
        self.preparations += 1


class Transform(ModuleMappingTransform):
    _module_mapping: ClassVar = {Outer: QEffOuter, Inner: QEffInner}


def test_replaces_exact_types_parents_first_and_prepares_them() -> None:
    model = Outer()
    returned, transformed = Transform.apply(model)
    assert returned is model and transformed
    assert type(model) is QEffOuter
    assert type(model.inner) is QEffInner
    assert type(model.special) is SpecialInner
    assert model.class_of_inner_when_prepared is Inner
    assert model.inner.preparations == 1


def test_applying_twice_changes_nothing_more() -> None:
    model: Any = Transform.apply(Outer())[0]
    _, transformed = Transform.apply(model)
    assert not transformed
    assert model.inner.preparations == 1
