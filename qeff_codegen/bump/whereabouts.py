"""Where a family, or its class, went: as far as two releases' texts can tell."""

from __future__ import annotations

from qeff_codegen.upstream.transformers_text import TransformersText


def whereabouts(family: str, before: TransformersText, after: TransformersText) -> str:
    """What became of `family`, for whose causal LM `after` has no entry, or no modeling file, in one sentence.

    A class that goes by the same name, a configuration class that has another model type, and a folder that serves
    another family are traces; a model that was renamed throughout leaves none.
    """
    class_name = before.tables.causal_lm.get(family, "")
    tables = after.tables
    heirs = sorted(name for name, causal_lm in tables.causal_lm.items() if causal_lm == class_name and name != family)
    if heirs:
        return f"its causal LM {class_name} is now that of {_names(heirs)}"
    configuration = before.tables.configurations.get(family)
    renamed = sorted(
        name
        for name, other in tables.configurations.items()
        if other == configuration and name != family and name in tables.causal_lm
    )
    if renamed:
        return f"its configuration {configuration} is now that of {_names(renamed)}"
    path = _defining_path(class_name, before.tables.folder(family), after)
    known = "a model type still" if family in tables.configurations else "no model type any more"
    if family in tables.causal_lm:
        known = "a causal LM still, but in no folder of its own"
    if path:
        return f"{known}; {class_name} stands in transformers/{path}"
    folder = before.tables.folder(family)
    neighbours = sorted(name for name in tables.causal_lm if tables.folder(name) == folder and name != family)
    if neighbours:
        return f"{known}; models/{folder} now serves {_names(neighbours)}"
    return f"{known}; {class_name or 'its causal LM'} is defined nowhere"


def _defining_path(class_name: str, folder: str, tree: TransformersText) -> str | None:
    for candidate in (folder, f"deprecated/{folder}", *tree.folders()):
        found = tree.modeling_file(candidate, class_name) if class_name else None
        if found is not None:
            return found[0]
    return None


def _names(families: list[str]) -> str:
    return ", ".join(f"`{family}`" for family in families)
