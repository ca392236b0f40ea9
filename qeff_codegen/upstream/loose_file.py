"""A modeling file outside transformers' auto tables: remote code, or one file of a tree."""

from __future__ import annotations

import re
from pathlib import Path

from qeff_codegen.errors import UsageError
from qeff_codegen.upstream.decoded import decoded
from qeff_codegen.upstream.source import UpstreamModel
from qeff_codegen.upstream.transformers_text import TransformersText, is_transformers


def find_in_folder(name: str, folder: Path) -> Path:
    """`modeling_<name>.py` in `folder`, or in its subfolder `<name>` or `models/<name>`.

    Raises:
        UsageError: there is none; the message names the modeling files that are there.
    """
    file_name = f"modeling_{name}.py"
    for path in (folder / file_name, folder / name / file_name, folder / "models" / name / file_name):
        if path.is_file():
            return path
    others = sorted(path.name for path in folder.glob("modeling_*.py"))
    raise UsageError(
        f"{folder} holds no {file_name}, and it is no transformers tree (no models/auto/modeling_auto.py).\n"
        + (
            f"It holds {', '.join(others)}: name one with --source."
            if others
            else "Name the file itself with --source."
        )
    )


def read_loose_file(name: str, path: Path) -> UpstreamModel:
    """One modeling file, to be generated as `name`.

    Generated code imports upstream's classes from the file's module: dotted as far up as the folders are packages, or
    the file's own name. A file inside a transformers tree counts as part of it, with its version.

    Raises:
        UsageError: the file cannot be read as text, or its name is no module's.
    """
    try:
        text = decoded(path.read_bytes())
    except (OSError, UnicodeDecodeError, SyntaxError) as error:
        raise UsageError(f"{path} cannot be read as Python source: {error}.") from error
    if path.suffix != ".py" or not path.stem.isidentifier():
        raise UsageError(
            f"{path} is not a Python module: generated code could not import from it.\n"
            f"Name it like modeling_{name}.py."
        )
    package = _package(path.resolve())
    module = ".".join([*package, path.stem])
    top = path.resolve().parents[len(package) - 1] if package else None
    tree = TransformersText(top) if top is not None and package[0] == "transformers" and is_transformers(top) else None
    return UpstreamModel(
        name=name,
        display_path=f"{module.replace('.', '/')}.py",
        module=module,
        source=text,
        causal_lm=_table_entry(text, tree),
        version=tree.version if tree else None,
    )


def _package(path: Path) -> list[str]:
    """Names of the packages that `path` stands in, outermost first."""
    names: list[str] = []
    for folder in path.parents:
        if not (folder / "__init__.py").is_file() or not folder.name.isidentifier():
            break
        names.insert(0, folder.name)
    return names


def _table_entry(text: str, tree: TransformersText | None) -> str | None:
    """The class of the file that the tree's auto table names, if it names exactly one."""
    if tree is None:
        return None
    defined = set(re.findall(r"^class (\w+)", text, re.MULTILINE))
    named = defined & set(tree.tables.causal_lm.values())
    return named.pop() if len(named) == 1 else None
