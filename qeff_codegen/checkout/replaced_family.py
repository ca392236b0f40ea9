"""A family that a checkout has already: its file, its entries, and which of them generated classes can take over."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from qeff_codegen.anatomy.mentions import mentioned
from qeff_codegen.anatomy.modeling_file import ModelingClass, read_modeling_file
from qeff_codegen.checkout.checkout import GENERATED, TRANSFORMS, path_of
from qeff_codegen.checkout.kept_definitions import defined_names, definitions
from qeff_codegen.checkout.module_mapping import Entry, ModuleMapping
from qeff_codegen.checkout.own_parts import own_parts
from qeff_codegen.checkout.python_file import RULE, tree_of
from qeff_codegen.checkout.replaced_entries import EntryChange
from qeff_codegen.checkout.transforms_file import TransformsFile, read_transforms_file
from qeff_codegen.errors import Location, Refusal
from qeff_codegen.generated_model import GeneratedModel, MappingEntry
from qeff_codegen.targets.qefficient import QEFFICIENT

BY_UPSTREAM_CLASS = ("CustomOpsTransform", "KVCacheTransform")


@dataclass(frozen=True)
class Family:
    """A family as the checkout has it, and the model that is to take its place.

    Attributes:
        module: dotted name of its modeling module.
        text: that module's text.
        is_generated: whether it was generated.
        transforms: `pytorch_transforms.py`.
        twins: names of the module that generated classes take over under another spelling.
    """

    module: str
    text: str
    is_generated: bool
    model: GeneratedModel
    transforms: TransformsFile
    twins: Mapping[str, str]

    @property
    def path(self) -> Path:
        """Where the module stands, relative to the checkout."""
        return path_of(self.module)

    @property
    def parts(self) -> dict[str, dict[str, str]]:
        """For its classes, which attributes upstream builds and a transform makes classes of the module."""
        by_hand = {
            key[1]: value[1]
            for entry in self.transforms.entries("KVCacheTransform")
            if (key := self.transforms.origin(entry.key)) and key[0] == self.model.upstream.module
            if (value := self.transforms.origin(entry.replacement or "")) and value[0] == self.module
        }
        return own_parts(tree_of(self.text, self.path), read_modeling_file(self.model.upstream), by_hand)

    @property
    def replaced_classes(self) -> frozenset[str]:
        """Names of the module's classes that generated ones take the places of."""
        ours = {entry.replacement for entry in self.model.mappings}
        return frozenset({*(ours & definitions(self.text).keys()), *self.twins})


def serving_module(read: Callable[[Path], str | None], model: GeneratedModel, transforms: TransformsFile) -> str:
    """The module whose classes the model's upstream classes become in this checkout; its usual place when none do.

    Raises:
        Refusal: they are of several modules.
    """
    mapping = transforms.mapping("KVCacheTransform")
    found: dict[str, Entry] = {}
    for entry in model.mappings:
        known = mapping.entry(transforms.local_name(model.upstream.module, entry.upstream_class) or "")
        origin = transforms.origin(known.replacement or "") if known and entry.transform == mapping.transform else None
        if known is not None and origin is not None:
            found.setdefault(origin[0], known)
    if len(found) > 1:
        last = list(found.values())[-1]
        raise Refusal(
            f"the classes of `{model.name}` are taken over by several modules: {', '.join(found)}",
            rule=RULE,
            location=_entry_location(transforms, last),
            expected="one module that serves the family",
            next_step="keep the hand-written family",
        )
    return next(iter(found), QEFFICIENT.modeling_module.format(name=model.name))


def read_family(read: Callable[[Path], str | None], model: GeneratedModel, transforms: str) -> Family:
    """The family that a checkout has, for a model that takes its place.

    Args:
        read: gives the text of a file, by its path relative to the checkout.
        transforms: the text of `pytorch_transforms.py`.

    Raises:
        Refusal: one of the files is no Python, or the classes are taken over by several modules.
    """
    file = read_transforms_file(transforms, TRANSFORMS.as_posix())
    module = serving_module(read, model, file)
    path = path_of(module)
    text = read(path) or ""
    twins = _twins_by_spelling(tree_of(text, path), model) | _twins_by_entry(module, model, file)
    return Family(module, text, GENERATED in text, model, file, twins)


def entry_changes(family: Family) -> tuple[EntryChange, ...]:
    """What becomes of every entry that has to do with the family.

    Raises:
        Refusal: an entry rests on hand-written code that would be gone, or its mapping has another form.
    """
    if family.is_generated:
        return ()
    built = {cls.name for cls in _built_by_whole(family.model)}
    generated = {entry.upstream_class: entry for entry in family.model.mappings}
    changes: list[EntryChange] = []
    for transform in family.transforms.classes:
        for entry in family.transforms.entries(transform):
            if transform in BY_UPSTREAM_CLASS:
                found = tuple(_by_upstream_class(family, transform, entry, generated, built))
                if found:
                    # Whether its lines can be changed.
                    family.transforms.mapping(transform)
                changes += found
            else:
                _refuse_hand_written_in(family, transform, entry)
    return tuple(changes)


def _by_upstream_class(
    family: Family, transform: str, entry: Entry, generated: Mapping[str, MappingEntry], built: set[str]
) -> Iterator[EntryChange]:
    key = family.transforms.origin(entry.key)
    value = family.transforms.origin(entry.replacement or "")
    ours = generated.get(key[1]) if key is not None and key[0] == family.model.upstream.module else None
    by_hand = value is not None and value[0] == family.module
    if ours is not None and ours.transform == transform:
        if value is not None and value[1] != ours.replacement:
            yield EntryChange(entry, ours.replacement)
    elif ours is not None and by_hand:
        raise _entry_refusal(
            family,
            entry,
            f"`{entry.key}` has the hand-written `{entry.replacement}` in `{transform}`, for all uses of it",
        )
    elif by_hand and key is not None and key[0] == family.model.upstream.module and key[1] in built:
        # It would run above generated classes; upstream's own does what it did.
        yield EntryChange(entry, None)
    elif by_hand and is_of_tower(family, entry):
        # The generated vision program runs upstream's method, which expects upstream's tower.
        yield EntryChange(entry, None)
    elif by_hand:
        raise _entry_refusal(
            family,
            entry,
            f"`{entry.replacement}`, for `{entry.key}`, is no part of {family.model.whole_class}: "
            f"the generated file has nothing for it",
        )


def is_of_tower(family: Family, entry: Entry) -> bool:
    """Whether an entry of an image-text model's module is for a class of another of upstream's files: of a tower."""
    key, upstream = family.transforms.origin(entry.key), family.model.upstream
    return upstream.image_text is not None and key is not None and key[0] != upstream.module


def _refuse_hand_written_in(family: Family, transform: str, entry: Entry) -> None:
    """Entries between classes of QEfficient itself: every class of the module there must be a generated one."""
    names = [
        origin[1]
        for local in (entry.key, entry.replacement or "")
        if (origin := family.transforms.origin(local)) is not None and origin[0] == family.module
    ]
    ours = {*definitions(family.model.code), *family.twins}
    gone = [name for name in names if name not in ours]
    if gone:
        pair = f", for `{entry.key}`" if entry.replacement is not None else ""
        raise _entry_refusal(family, entry, f"`{transform}` uses the hand-written `{gone[0]}`{pair}")


def _entry_refusal(family: Family, entry: Entry, what: str) -> Refusal:
    value = family.transforms.origin(entry.replacement or "") or family.transforms.origin(entry.key)
    line = definitions(family.text).get(value[1] if value is not None else "")
    where = f" ({family.path.as_posix()}:{line})" if line else ""
    return Refusal(
        what + where,
        rule=RULE,
        location=_entry_location(family.transforms, entry),
        expected="a family whose entries the generated classes can all take over",
        next_step="keep the hand-written family",
    )


def _entry_location(transforms: TransformsFile, entry: Entry) -> Location:
    return Location(transforms.path, entry.line, transforms.lines[entry.line - 1])


def _built_by_whole(model: GeneratedModel) -> tuple[ModelingClass, ...]:
    file = read_modeling_file(model.upstream)
    return mentioned(file, file.classes[model.whole_class])


def _twins_by_spelling(tree: ast.Module, model: GeneratedModel) -> dict[str, str]:
    """Names of the module that differ from a generated one in the case of letters alone, and its aliases."""
    ours = {name.lower(): name for name in definitions(model.code)}
    twins = {
        name: twin for name in defined_names(tree) if (twin := ours.get(name.lower())) is not None and name != twin
    }
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Name) and isinstance(node.targets[0], ast.Name):
            if node.value.id in ours.values():
                twins[node.targets[0].id] = node.value.id
    return twins


def _twins_by_entry(module: str, model: GeneratedModel, transforms: TransformsFile) -> dict[str, str]:
    """Names of the module that are the replacement of a class which a generated one replaces now."""
    mapping: ModuleMapping = transforms.mapping("KVCacheTransform")
    twins = {}
    for entry in model.mappings:
        known = mapping.entry(transforms.local_name(model.upstream.module, entry.upstream_class) or "")
        origin = transforms.origin(known.replacement or "") if known is not None else None
        if origin is not None and origin[0] == module and origin[1] != entry.replacement:
            twins[origin[1]] = entry.replacement
    return twins
