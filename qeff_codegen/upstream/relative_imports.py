"""Where the imports of a modeling file lead that stands in no package.

Such a file is a copy of transformers' own, or of one written like it, or one of a checkpoint's folder. A relative
import means the file beside it, where there is one, and else what it would mean in transformers, in the folder of the
model that the file's name says.
"""

from __future__ import annotations

import ast
from pathlib import Path

from qeff_codegen.upstream.transformers_text import TransformersText

_PACKAGE = ("transformers", "models")
# Of a spelling that leads to a file beside it, which no generated file can import.
BESIDE = "."


def where_imports_lead(path: Path, text: str, tree: TransformersText | None) -> tuple[tuple[str, str], ...]:
    """Every module that the file imports relatively, or that is a file beside it, with what is meant by it.

    Args:
        path: the modeling file.
        text: its text.
        tree: transformers; None where there is none to look into.

    Returns:
        The module as it is spelled, dots included, and the absolute module, or `.<name>` for a file beside it.
    """
    try:
        statements = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom)]
    except (SyntaxError, ValueError):
        # What reads the file says so, with the line.
        return ()
    family = path.stem.removeprefix("modeling_")
    found = {
        spelled_module(node): meant
        for node in statements
        if (meant := _meant(node, path.parent, family, tree)) is not None
    }
    return tuple(sorted(found.items()))


def spelled_module(node: ast.ImportFrom) -> str:
    """The module of an import as it is spelled: `...cache_utils`."""
    return "." * node.level + (node.module or "")


def _meant(node: ast.ImportFrom, folder: Path, family: str, tree: TransformersText | None) -> str | None:
    name = node.module or ""
    if node.level <= 1 and name and "." not in name and (folder / f"{name}.py").is_file():
        return BESIDE + name
    if not node.level:
        return None
    # A copy under another name still imports the configuration of the model that it is a copy of.
    families = dict.fromkeys((family, name.partition("_")[2] or family))
    for candidate in families if node.level == 1 else [family]:
        around = (*_PACKAGE, candidate)[: max(len(_PACKAGE) + 2 - node.level, 0)]
        module = ".".join((*around, *([name] if name else [])))
        if around and (tree is None or tree.has_module(module.removeprefix(_PACKAGE[0]).lstrip("."))):
            return module
    return BESIDE + name
