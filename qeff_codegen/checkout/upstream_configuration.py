"""What a release's `configuration_<name>.py` says of a family: its checkpoint, its settings and their names.

It is read as text and never imported.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from typing import Any

from qeff_codegen.upstream.transformers_text import TransformersText

_CHECKPOINT = re.compile(r"@auto_docstring\(\s*checkpoint=\"([\w.-]+/[\w.-]+)\"")
# The setting of a multimodal configuration that describes its text model.
TEXT_PART = "text_config"
_LINKED = re.compile(r"\[([\w.-]+/[\w.-]+)\]\(https://huggingface\.co/\1/?\)")


@dataclass(frozen=True)
class UpstreamConfiguration:
    """A family's configuration class.

    Attributes:
        model_type: as the auto tables spell it.
        path: of its file, for a reader.
        settings: every setting with its default; None also where the default is computed.
        renamed: what the class calls a setting that has another name elsewhere.
        strings: all strings of its file that are no documentation, which the kinds of layers are among.
        checkpoint: the model card that its documentation names and that is its own; None where there is none.
        unclear: why there is no checkpoint; empty where there is one.
        title: what the family is called, such as `Qwen2MoE`; None where the tables do not say.
    """

    model_type: str
    path: str
    settings: Mapping[str, Any]
    renamed: Mapping[str, str]
    strings: frozenset[str]
    checkpoint: str | None
    unclear: str
    title: str | None

    def own_name(self, setting: str) -> str:
        """What this class calls `setting`."""
        return self.renamed.get(setting, setting)


def read_configuration(
    model_type: str, tree: TransformersText, *, of_whole: bool = False
) -> UpstreamConfiguration | None:
    """The configuration of `model_type`; None where the release has no file that defines its class.

    Args:
        model_type: it.
        tree: the release.
        of_whole: whether a multimodal model is meant as a whole, to which its checkpoint belongs, or its text part.
    """
    class_name = tree.tables.configurations.get(model_type)
    folder = tree.tables.folder(model_type)
    found = _file(tree, folder, class_name) if class_name else None
    if found is None or class_name is None:
        return None
    file, text = found
    module = ast.parse(text)
    classes = {node.name: node for node in module.body if isinstance(node, ast.ClassDef)}
    chain = list(_with_bases(class_name, classes))
    settings: dict[str, Any] = {}
    renamed: dict[str, str] = {}
    for cls in reversed(chain):
        settings |= dict(_settings(cls))
        renamed |= _attribute_map(cls)
    path = f"transformers/models/{folder}/{file}"
    named = _named(text, chain[0])
    # Of a multimodal model the text part is generated, and its checkpoint loads as the whole.
    whole = class_name if TEXT_PART in _sub_configurations(chain[0]) else _whole(class_name, classes.values())
    if named is not None and whole is not None and not (of_whole and whole == class_name):
        checkpoint, unclear = None, f"{path} names {named}, which is the checkpoint of all that `{whole}` describes"
    else:
        checkpoint, unclear = _checkpoint(folder, path, named, tree)
    return UpstreamConfiguration(
        model_type,
        path,
        settings,
        renamed,
        frozenset(_strings(chain)),
        checkpoint,
        unclear,
        _title(model_type, tree),
    )


def _file(tree: TransformersText, folder: str, class_name: str) -> tuple[str, str] | None:
    for item in _configuration_files(tree.root / "models" / folder):
        text = item.read_text("utf-8")
        if re.search(rf"^class {class_name}\b", text, re.MULTILINE):
            return item.name, text
    return None


def _configuration_files(folder: Traversable) -> list[Traversable]:
    if not folder.is_dir():
        return []
    files = [item for item in folder.iterdir() if re.fullmatch(r"configuration_\w+\.py", item.name)]
    return sorted(files, key=lambda item: item.name)


def _with_bases(name: str, classes: Mapping[str, ast.ClassDef]) -> Iterator[ast.ClassDef]:
    """A class and those of its bases that the same file defines."""
    cls = classes.get(name)
    if cls is not None:
        yield cls
        for base in cls.bases:
            if isinstance(base, ast.Name):
                yield from _with_bases(base.id, classes)


def _whole(name: str, classes: Iterable[ast.ClassDef]) -> str | None:
    """The class that `name` is a part of, as the text model of a multimodal one is."""
    return next((cls.name for cls in classes if name in _sub_configurations(cls).values()), None)


def _sub_configurations(cls: ast.ClassDef) -> dict[str, str]:
    """What a configuration class has instances of: the setting, and the class."""
    return {
        key.value: value.id
        for node in cls.body
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["sub_configs"]
        if isinstance(node.value, ast.Dict)
        for key, value in zip(node.value.keys, node.value.values, strict=True)
        if isinstance(key, ast.Constant) and isinstance(key.value, str) and isinstance(value, ast.Name)
    }


def _settings(cls: ast.ClassDef) -> Iterator[tuple[str, Any]]:
    """Fields, as classes since 5.2 have them, and parameters of `__init__`, as those before."""
    for node in cls.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id, _value(node.value)
        elif isinstance(node, ast.FunctionDef) and node.name == "__init__":
            given = node.args.args[1:]
            defaults = [None] * (len(given) - len(node.args.defaults)) + node.args.defaults
            yield from ((arg.arg, _value(value)) for arg, value in zip(given, defaults, strict=True))


def _attribute_map(cls: ast.ClassDef) -> dict[str, str]:
    for node in cls.body:
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["attribute_map"]:
            return dict(_value(node.value) or {})
    return {}


def _value(node: ast.expr | None) -> Any:
    try:
        return None if node is None else ast.literal_eval(node)
    except ValueError:
        return None


def _strings(classes: list[ast.ClassDef]) -> Iterator[str]:
    for cls in classes:
        for node in ast.walk(cls):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and "\n" not in node.value:
                yield node.value


def _named(text: str, cls: ast.ClassDef) -> str | None:
    """The checkpoint that the class's decorator names, or its documentation links to."""
    lines = text.splitlines()
    first = min([cls.lineno, *(decorator.lineno for decorator in cls.decorator_list)])
    found = _CHECKPOINT.search("\n".join(lines[first - 1 : cls.lineno])) or _LINKED.search(
        ast.get_docstring(cls) or ""
    )
    return found.group(1) if found else None


def _checkpoint(folder: str, path: str, named: str | None, tree: TransformersText) -> tuple[str | None, str]:
    """The named checkpoint if it is this family's own: families copy each other's documentation."""
    if named is None:
        return None, f"{path} names no checkpoint"
    sharing = _folders_naming(named, tree)
    by_name = [other for other in sharing if _letters(other) in _letters(named)]
    origins = [other for other in sharing if any(_is_made_from(one, other, tree) for one in sharing)]
    owners = sharing if len(sharing) == 1 else by_name or origins
    if owners == [folder]:
        return named, ""
    others = ", ".join(f"`{other}`" for other in sharing if other != folder)
    return None, f"{path} names {named}, which the configurations of {others} name too"


def _folders_naming(checkpoint: str, tree: TransformersText) -> list[str]:
    """The folders below `models` whose own configuration file names a checkpoint."""
    marks = (f'checkpoint="{checkpoint}"', f"[{checkpoint}](https://huggingface.co/{checkpoint}")
    texts = {folder: _own_file(folder, tree) for folder in tree.folders()}
    return [folder for folder, text in texts.items() if any(mark in text for mark in marks)]


def _own_file(folder: str, tree: TransformersText) -> str:
    """The configuration file that is named like its folder; empty where there is none."""
    file = tree.root / "models" / folder / f"configuration_{folder}.py"
    return file.read_text("utf-8") if file.is_file() else ""


def _is_made_from(folder: str, other: str, tree: TransformersText) -> bool:
    """Whether a family's modular file starts from another family's classes, and so its documentation too."""
    file = tree.root / "models" / folder / f"modular_{folder}.py"
    return file.is_file() and re.search(rf"^from \.\.{other}\.", file.read_text("utf-8"), re.MULTILINE) is not None


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _title(model_type: str, tree: TransformersText) -> str | None:
    file = tree.root / "models" / "auto" / "configuration_auto.py"
    text = file.read_text("utf-8") if file.is_file() else ""
    _, _, names = text.partition("\nMODEL_NAMES_MAPPING")
    found = re.search(rf'\("{re.escape(model_type)}",\s*"([^"]+)"\)', names)
    return found.group(1) if found else None
