"""A modeling file outside transformers' auto tables: remote code, or one file of a tree."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from qeff_codegen.errors import UsageError
from qeff_codegen.upstream.checkpoint_folder import AUTO_MAP, CAUSAL_LM, CONFIG, read_checkpoint_folder
from qeff_codegen.upstream.decoded import decoded
from qeff_codegen.upstream.joined_text import joined
from qeff_codegen.upstream.module_text import module_text
from qeff_codegen.upstream.neighbours import Neighbours
from qeff_codegen.upstream.relative_imports import where_imports_lead
from qeff_codegen.upstream.source import BY_TABLE, UpstreamModel
from qeff_codegen.upstream.transformers_text import TransformersText, is_transformers

_BY_OPTION = "--class"
_BY_AUTO_MAP = f"`{AUTO_MAP}` of {CONFIG}"


@dataclass(frozen=True)
class LooseFile:
    """A modeling file, and the causal LM in it where something names that.

    Attributes:
        path: the file.
        causal_lm: the class that is meant; None where it is to be found by its form.
        named_by: what names it.
        is_of_checkpoint: whether it stands in a checkpoint's folder, which is no package whatever else it holds.
    """

    path: Path
    causal_lm: str | None = None
    named_by: str = ""
    is_of_checkpoint: bool = False


def find_loose_file(name: str, source: Path, class_name: str | None) -> LooseFile:
    """The modeling file that `source` stands for: itself, or the one that its folder's `config.json` or `name` says.

    Args:
        name: what is generated, as an identifier.
        source: a file, or a folder that is no transformers tree.
        class_name: the causal LM that the user means, if the user says so.

    Raises:
        UsageError: the folder has no such file; the message names the modeling files that are there.
        Refusal: `auto_map` names code that is not in the folder.
    """
    folder = read_checkpoint_folder(source if source.is_dir() else source.parent)
    asked = folder is not None and (source.is_dir() or folder.names_module(CAUSAL_LM, source.stem))
    named = folder.class_for(CAUSAL_LM) if folder is not None and asked else None
    if source.is_dir():
        path = named[0] if named is not None else None
        if path is None and folder is not None and len(folder.modeling_files()) == 1:
            (path,) = folder.modeling_files()
        path = path or find_in_folder(name, source)
    else:
        path = source
    is_of_checkpoint = folder is not None and path.parent == folder.folder
    if class_name is not None:
        return LooseFile(path, class_name, _BY_OPTION, is_of_checkpoint)
    if named is not None:
        return LooseFile(path, named[1], _BY_AUTO_MAP, is_of_checkpoint)
    return LooseFile(path, is_of_checkpoint=is_of_checkpoint)


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
    checkpoint = read_checkpoint_folder(folder)
    if checkpoint is not None and not others:
        raise UsageError(
            f"{folder} is a checkpoint without modeling code of its own: no `{AUTO_MAP}` of its {CONFIG} names any.\n"
            f"Its model type is `{checkpoint.model_type}`: if transformers has that, generate it by that name, and "
            "without --source."
        )
    raise UsageError(
        f"{folder} holds no {file_name}, and it is no transformers tree (no models/auto/modeling_auto.py).\n"
        + (
            f"It holds {', '.join(others)}: name one with --source."
            if others
            else "Name the file itself with --source."
        )
    )


def read_loose_file(name: str, found: LooseFile, transformers: TransformersText | None) -> UpstreamModel:
    """One modeling file, to be generated as `name`.

    Generated code imports upstream's classes from the file's module: dotted as far up as the folders are packages. A
    file outside of any package, or of a checkpoint's folder, has no module that could be imported from anywhere; one
    inside a transformers tree counts as part of it, with its version.

    Args:
        name: the name to generate under.
        found: the file.
        transformers: what its imports may lead to; None where there is no transformers to look into.

    Raises:
        UsageError: the file cannot be read as text, or its name is no module's.
    """
    path = found.path
    try:
        text = decoded(path.read_bytes())
    except (OSError, UnicodeDecodeError, SyntaxError) as error:
        raise UsageError(f"{path} cannot be read as Python source: {error}.") from error
    if path.suffix != ".py" or not path.stem.isidentifier():
        raise UsageError(
            f"{path} is not a Python module: generated code could not import from it.\n"
            f"Name it like modeling_{name}.py."
        )
    package = [] if found.is_of_checkpoint else _package(path.resolve())
    module = ".".join([*package, path.stem])
    top = path.resolve().parents[len(package) - 1] if package else None
    tree = TransformersText(top) if top is not None and package[0] == "transformers" and is_transformers(top) else None
    table_entry = _table_entry(text, tree)
    model = UpstreamModel(
        name=name,
        display_path=f"{module.replace('.', '/')}.py",
        module=module,
        source=text,
        causal_lm=found.causal_lm or table_entry,
        named_by=found.named_by or (BY_TABLE if table_entry else ""),
        version=tree.version if tree else None,
        importable=bool(package),
        imports=() if package else where_imports_lead(path, text, transformers),
    )
    return model if tree is not None else _with_neighbours(model, None if package else path.parent, transformers)


def _with_neighbours(
    model: UpstreamModel, folder: Path | None, transformers: TransformersText | None
) -> UpstreamModel:
    """The model with the text of all that it takes from transformers' classes, and from the files in `folder`."""
    try:
        root = module_text(model.module, model.display_path, model.source, folder=folder, imports=model.imports)
    except (SyntaxError, ValueError):
        # What reads the file says so, with the line.
        return model
    whole = joined(model, root, Neighbours(transformers))
    of_transformers = any(module.startswith("transformers.") for module, _ in whole.elsewhere.values())
    return replace(whole, version=transformers.version if of_transformers and transformers is not None else None)


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
