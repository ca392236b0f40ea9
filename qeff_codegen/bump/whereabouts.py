"""Where a family, or its class, went: as far as two releases' texts can tell."""

from __future__ import annotations

from collections.abc import Mapping

from packaging.version import Version

from qeff_codegen.upstream.transformers_text import TransformersText


def whereabouts(family: str, before: TransformersText, after: TransformersText) -> str:
    """What became of `family`, for whose causal LM `after` has no entry, or no modeling file, in one sentence.

    Traces are its class and its configuration's class under another model type, its class in another folder, and
    another family in its folder. A model that was renamed throughout leaves none.
    """
    class_name = before.tables.causal_lm.get(family, "")
    heirs = _others(family, class_name, after.tables.causal_lm)
    shared = sorted(set(heirs) & set(_others(family, class_name, before.tables.causal_lm)))
    if shared:
        return f"{_standing(family, after)}; {class_name} still serves {_names(shared)}"
    if heirs:
        return f"its causal LM {class_name} is now that of {_names(heirs)}"
    configuration = before.tables.configurations.get(family, "")
    renamed = _others(family, configuration, after.tables.configurations)
    renamed = [name for name in renamed if name in after.tables.causal_lm]
    if renamed:
        return f"its configuration {configuration} is now that of {_names(renamed)}"
    folder = before.tables.folder(family)
    path = _defining_path(class_name, folder, after)
    if path:
        return f"{_standing(family, after)}; {class_name} stands in transformers/{path}"
    neighbours = [name for name in sorted(after.tables.causal_lm) if after.tables.folder(name) == folder]
    if neighbours and family not in neighbours:
        return f"{_standing(family, after)}; models/{folder} now serves {_names(neighbours)}"
    if is_older(after, before) and family not in after.tables.configurations:
        return f"not yet: it came after {after.version}"
    return f"{_standing(family, after)}; {class_name or 'its causal LM'} is defined nowhere"


def is_older(after: TransformersText, before: TransformersText) -> bool:
    """Whether the release to go to came before the one that is left."""
    return None not in (after.version, before.version) and Version(str(after.version)) < Version(str(before.version))


def _standing(family: str, tree: TransformersText) -> str:
    if family in tree.tables.causal_lm:
        return "listed as a causal LM still"
    return "a model type still" if family in tree.tables.configurations else "no model type there"


def _others(family: str, class_name: str, table: Mapping[str, str]) -> list[str]:
    """The other model types that a table gives this class."""
    return sorted(name for name, other in table.items() if class_name and other == class_name and name != family)


def _defining_path(class_name: str, folder: str, tree: TransformersText) -> str | None:
    for candidate in (folder, *tree.folders()):
        found = tree.modeling_file(candidate, class_name) if class_name else None
        if found is not None:
            return found[0]
    return None


def _names(families: list[str]) -> str:
    return ", ".join(f"`{family}`" for family in families)
