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


class QEffByName(nn.Module):
    def __qeff_init__(self) -> None:
        self.prepared = True

    def answer(self) -> str:
        upstream: Any = super()
        return f"generated, then {upstream.answer()}"


class Whole(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.parts = nn.ModuleList([Part(), Part()])
        self.inner = Inner()


class Part(nn.Module):
    def answer(self) -> str:
        return "upstream's"


class QEffWhole(nn.Module):
    pass


class RemoteTransform(ModuleMappingTransform):
    _module_mapping: ClassVar = {Outer: QEffOuter, Inner: QEffInner}
    _remote_mapping: ClassVar = {
        "test_pytorch_transforms.Whole": {
            "test_pytorch_transforms.Whole": QEffWhole,
            "test_pytorch_transforms.Part": QEffByName,
        }
    }


def test_a_model_whose_causal_lm_is_known_by_its_name_is_replaced_by_names_alone() -> None:
    model: Any = Whole()
    parts: Any = model.parts
    returned, transformed = RemoteTransform.apply(model)
    assert returned is model and transformed
    assert isinstance(model, QEffWhole) and isinstance(model, Whole)
    assert type(model).__name__ == "QEffWhole"
    assert type(model.inner) is Inner, "the other mapping is another model's"
    assert [part.answer() for part in parts] == ["generated, then upstream's"] * 2
    assert [part.prepared for part in parts] == [True, True]
    assert type(parts[0]) is type(parts[1]), "all layers are of one class"
    assert RemoteTransform.apply(model) == (model, False)


def test_other_models_are_replaced_by_their_classes() -> None:
    model, _ = RemoteTransform.apply(Outer())
    assert type(model) is QEffOuter
