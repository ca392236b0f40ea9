"""Putting a generated file in the place of a hand-written one, so that every file that imports from it keeps working.

The generated text goes to the path of the hand-written file. What others import from there and the generated file does
not define stays, in a module beside it. What cannot stay is a refusal: nobody's code is left resting on classes that
are gone.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from qeff_codegen.checkout.checkout import PACKAGE, TRANSFORMS, Checkout, path_of
from qeff_codegen.checkout.importers import ImportedName, built_on, importers, source_module
from qeff_codegen.checkout.kept_definitions import (
    defined_names,
    definitions,
    kept_module,
    needed_definitions,
    undefined_names,
)
from qeff_codegen.checkout.python_file import RULE, tree_of
from qeff_codegen.checkout.replaced_entries import EntryChange, with_replaced_entries
from qeff_codegen.checkout.replaced_family import Family, entry_changes, is_of_tower, read_family
from qeff_codegen.errors import Location, Refusal
from qeff_codegen.generated_model import GeneratedModel
from qeff_codegen.targets.qefficient import QEFFICIENT


class Texts(Protocol):
    """A checkout's files as they will be."""

    checkout: Checkout

    def read(self, path: Path) -> str | None:
        """A file's text; None when there is none."""


@dataclass(frozen=True)
class Replacement:
    """What one model changes in a checkout besides adding its mappings.

    Attributes:
        module: dotted name of the module that the generated file becomes.
        texts: the other files, in full, by paths relative to the checkout.
        ending: what follows the generated code in its file: names that others import.
        notices: what a reader should look at, a line each.
    """

    module: str
    texts: Mapping[Path, str]
    ending: str
    notices: tuple[str, ...]

    @property
    def path(self) -> Path:
        """Where the generated file stands, relative to the checkout."""
        return path_of(self.module)

    @property
    def initializer(self) -> Path:
        """Where the initializer of its package stands."""
        return self.path.with_name("__init__.py")


def replacement(pending: Texts, model: GeneratedModel, transforms: str) -> Replacement:
    """Work out how a generated model takes the place of what is there.

    With a generated file there already, only what others need of it is worked out again.

    Args:
        transforms: the text of `pytorch_transforms.py`.

    Raises:
        Refusal: something in the checkout rests on a definition that would be gone.
    """
    family = read_family(pending.read, model, transforms)
    # Where nothing stood, nobody imports: a new family need not wait for the whole checkout to be read.
    _refuse_initializer(pending, family)
    used = importers(pending.checkout.root, family.module, pending.read) if family.text.strip() else ()
    _refuse_whole_imports(used, family)
    changes = entry_changes(family)
    ours = frozenset(definitions(model.code))
    renamed = {
        item.local: twin
        for item in used
        if item.path == TRANSFORMS and item.name not in ours
        if (twin := family.twins.get(item.name)) is not None and twin.lower() == item.local.lower()
    }
    texts = {TRANSFORMS: with_replaced_entries(family.transforms, changes, renamed, QEFFICIENT.line_length)}
    used = tuple(
        item for item in used if item.path != TRANSFORMS or re.search(rf"\b{item.local}\b", texts[TRANSFORMS])
    )
    by_hand_path = family.path.with_name(f"{family.path.stem}_by_hand.py")
    repointed = () if family.is_generated else _building_on(pending, used, ours)
    left = tuple(item for item in used if item.path not in repointed)
    lacking = {item.name: item for item in left if item.name not in ours and item.name not in family.twins}
    kept = _kept(family, pending.read(by_hand_path), by_hand_path, lacking, ours)
    wanted = {*kept, *(item.name for item in used if item.path in repointed)}
    if wanted and not family.is_generated:
        users = sorted({item.path.as_posix() for item in used if item.path in repointed or item.name in kept})
        texts[by_hand_path] = kept_module(family.text, wanted, family.parts, users, QEFFICIENT.line_length)
        _refuse_undefined(texts[by_hand_path], family)
    if family.is_generated:
        texts |= _of_an_earlier_run(pending, family, by_hand_path)
    for path in repointed:
        texts[path] = _repointed(pending.read(path) or "", path, family.module, f"{family.module}_by_hand")
    aliases = {item.name: family.twins[item.name] for item in left if item.name in family.twins.keys() - ours}
    return Replacement(
        family.module,
        texts,
        _ending(family, aliases, kept),
        (*_towers(family, changes), *_notices(pending, left, ours)),
    )


def in_module(model: GeneratedModel, module: str) -> GeneratedModel:
    """The model with its classes imported from `module`."""
    usual = QEFFICIENT.modeling_module.format(name=model.name)
    mappings = tuple(
        replace(entry, replacement_module=module) if entry.replacement_module == usual else entry
        for entry in model.mappings
    )
    return replace(model, mappings=mappings)


def is_bare(initializer: str | None, path: Path) -> bool:
    """Whether a package has an initializer with nothing in it but comments, as hand-written families have.

    Raises:
        Refusal: it is no Python.
    """
    return initializer is not None and bool(initializer.strip()) and not tree_of(initializer, path).body


def _refuse_whole_imports(used: tuple[ImportedName, ...], family: Family) -> None:
    for item in used:
        if item.name == "*":
            raise Refusal(
                f"{item} imports {family.path.as_posix()} as a whole, so what it needs of it is not known",
                rule=RULE,
                location=Location(item.path.as_posix(), item.line),
                expected="from ... import with the names that are used",
                next_step="name what the file needs, and run this again",
            )


def _refuse_initializer(pending: Texts, family: Family) -> None:
    """The initializer of a hand-written package goes: nobody may need what it does."""
    path = family.path.with_name("__init__.py")
    text = pending.read(path) or ""
    statements = [
        node
        for node in tree_of(text, path).body
        if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
    ]
    if family.text.strip() and not family.is_generated and statements:
        line = statements[0].lineno
        raise Refusal(
            f"{path.as_posix()} is written by hand, and a generated one would take away what others import from it",
            rule=RULE,
            location=Location(path.as_posix(), line, text.splitlines()[line - 1]),
            expected="an initializer without code, as hand-written families have it",
            next_step="import from the modules of the package instead, empty the initializer, and run this again",
        )


def _refuse_undefined(kept: str, family: Family) -> None:
    """What goes on to exist beside the generated file has all that it needs there."""
    missing = undefined_names(kept)
    for node in ast.walk(tree_of(family.text, family.path)):
        if isinstance(node, ast.Name) and node.id in missing:
            raise Refusal(
                f"hand-written code that other files need uses `{node.id}`, and it is not seen where that comes from",
                rule=RULE,
                location=Location(family.path.as_posix(), node.lineno, family.text.splitlines()[node.lineno - 1]),
                expected="names that are imported, defined or assigned one by one at the top of the file",
                next_step="define it in this way, and run this again",
            )


def _building_on(pending: Texts, used: tuple[ImportedName, ...], ours: frozenset[str]) -> tuple[Path, ...]:
    """Files of the package that build objects of replaced classes, or call replaced functions."""
    paths = sorted({item.path for item in used if item.path.parts[0] == PACKAGE and item.path != TRANSFORMS})
    return tuple(
        path
        for path in paths
        if built_on(
            tree_of(pending.read(path) or "", path),
            frozenset(item.local for item in used if item.path == path and item.name in ours),
        )
    )


def _kept(
    family: Family,
    by_hand: str | None,
    by_hand_path: Path,
    lacking: Mapping[str, ImportedName],
    ours: frozenset[str],
) -> tuple[str, ...]:
    """Names that the generated file takes from the module of hand-written definitions.

    Raises:
        Refusal: one of them rests on a class that is replaced, or is nowhere.
    """
    source, path = (by_hand or "", by_hand_path) if family.is_generated else (family.text, family.path)
    there = defined_names(tree_of(source, path))
    for name, user in sorted(lacking.items()):
        if name not in there:
            raise Refusal(
                f"{user} imports `{name}`, which neither the generated file nor {family.path.as_posix()} defines",
                rule=RULE,
                location=Location(user.path.as_posix(), user.line),
                expected="an import from where the name is defined",
                next_step="import it from there, and run this again",
            )
        replaced = [other for other in needed_definitions(source, [name], {}) if other in family.replaced_classes]
        if replaced:
            raise Refusal(
                f"{user} imports `{name}`, which rests on `{replaced[0]}`, and that class would be generated",
                rule=RULE,
                location=Location(family.path.as_posix(), there[name], source.splitlines()[there[name] - 1]),
                expected="hand-written code that others import, and that stands on its own",
                next_step="keep the hand-written family",
            )
    return tuple(sorted(lacking))


def _repointed(text: str, path: Path, module: str, new: str) -> str:
    """A file with its import statements from `module` taking from `new` instead; nothing else changes."""
    lines = text.splitlines(keepends=True)
    last = module.rsplit(".", 1)[-1]
    for item in ast.walk(tree_of(text, path)):
        if isinstance(item, ast.ImportFrom) and source_module(item, path) == module:
            at = item.lineno - 1
            lines[at] = re.sub(rf"\b{re.escape(last)}\b", new.rsplit(".", 1)[-1], lines[at], count=1)
    return "".join(lines)


def _of_an_earlier_run(pending: Texts, family: Family, by_hand_path: Path) -> dict[Path, str]:
    """The module of hand-written definitions and the files that were turned to it, as they stand."""
    by_hand = pending.read(by_hand_path)
    if by_hand is None:
        return {}
    users = importers(pending.checkout.root, f"{family.module}_by_hand", pending.read)
    paths = sorted({item.path for item in users if item.path.parts[0] == PACKAGE and item.path != family.path})
    return {by_hand_path: by_hand, **{path: pending.read(path) or "" for path in paths}}


def _ending(family: Family, aliases: Mapping[str, str], kept: tuple[str, ...]) -> str:
    lines: list[str] = []
    if kept:
        lines += [
            "",
            "# Written by hand, and imported from here by other files.",
            f"from {family.module}_by_hand import (  # noqa: E402, F401",
            *(f"    {name}," for name in kept),
            ")",
        ]
    if aliases:
        lines += ["", "# Names by which other files import these classes."]
        lines += [f"{name} = {twin}" for name, twin in sorted(aliases.items())]
    # Two blank lines after a class, one between the groups.
    return "".join(f"{line}\n" for line in ([""] if lines else []) + lines)


def _towers(family: Family, changes: tuple[EntryChange, ...]) -> tuple[str, ...]:
    """Classes of other files of upstream's that lose their hand-written replacement, which other models may build."""
    return tuple(
        f"{TRANSFORMS.as_posix()}: `{change.entry.key}` is upstream's own now, "
        "as it had its replacement in the replaced file"
        for change in changes
        if change.replacement is None and is_of_tower(family, change.entry)
    )


def _notices(pending: Texts, used: tuple[ImportedName, ...], ours: frozenset[str]) -> tuple[str, ...]:
    found = []
    for path in sorted({item.path for item in used if item.path.parts[0] == PACKAGE}):
        names = {item.local for item in used if item.path == path and item.name in ours}
        for node in ast.walk(tree_of(pending.read(path) or "", path)):
            bases = node.bases if isinstance(node, ast.ClassDef) else []
            for base in bases:
                if isinstance(base, ast.Name) and base.id in names:
                    assert isinstance(node, ast.ClassDef)
                    found.append(
                        f"{path.as_posix()}:{node.lineno}: `{node.name}` inherits from the replaced `{base.id}`"
                    )
    return tuple(found)
