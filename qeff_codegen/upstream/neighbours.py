"""The modules that a modeling file takes classes and functions from: files beside it, and some of transformers.

They are read as text and nothing of them runs. What configurations and tokenizers are made of is no part of a model,
so it is not looked into.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

from qeff_codegen.errors import Location, Refusal
from qeff_codegen.upstream.checkpoint_folder import stands_in
from qeff_codegen.upstream.decoded import decoded
from qeff_codegen.upstream.module_text import ModuleText, module_text
from qeff_codegen.upstream.relative_imports import BESIDE, where_imports_lead
from qeff_codegen.upstream.transformers_text import TransformersText

_NO_MODEL = re.compile(r"(configuration|tokenization|processing|image_processing|feature_extraction)_?\w*$")
_MODELING = re.compile(r"transformers\.models\.(\w+(?:\.\w+)?)\.(modeling_\w+)$")
_OF_A_MODEL = re.compile(r"transformers(\.models\.(?P<folder>\w+))?$")


class Neighbours:
    """Finds the module that an imported name is defined in, if it is one that is looked into.

    Args:
        tree: the transformers whose classes are meant; None where there is none to look into.
    """

    def __init__(self, tree: TransformersText | None) -> None:
        self._tree = tree
        self._known: dict[str, ModuleText | None] = {}

    def defining(self, importer: ModuleText, module: str, name: str) -> tuple[ModuleText, str] | None:
        """The module that defines what `importer` imports from `module` as `name`, and its name there.

        None for what is defined in a module that is not looked into.

        Raises:
            Refusal: the file beside it is a link to elsewhere, or no Python.
        """
        found = self._module(importer, module, name)
        if found is None:
            return None
        if name not in found.statements:
            return None
        if name in found.imported:
            return self.defining(found, *found.imported[name])
        return None if isinstance(found.statements[name], ast.Import) else (found, name)

    def _module(self, importer: ModuleText, module: str, name: str) -> ModuleText | None:
        if module.startswith(BESIDE):
            return self._beside(importer, module.removeprefix(BESIDE))
        if self._tree is None:
            return None
        if (found := _MODELING.match(module)) is not None:
            return self._of_transformers(f"models/{found[1].replace('.', '/')}/{found[2]}.py")
        if (found := _OF_A_MODEL.match(module)) is not None and name[:1].isupper() and not name.endswith("Config"):
            path = self._path_of_class(found["folder"], name)
            return self._of_transformers(path) if path is not None else None
        return None

    def _beside(self, importer: ModuleText, name: str) -> ModuleText | None:
        if importer.folder is None or not name or _NO_MODEL.match(name):
            return None
        path = importer.folder / f"{name}.py"
        if str(path) not in self._known:
            self._known[str(path)] = self._read_beside(path, importer) if path.is_file() else None
        return self._known[str(path)]

    def _read_beside(self, path: Path, importer: ModuleText) -> ModuleText:
        if not stands_in(path, path.parent):
            raise Refusal(
                f"{path.name} is a link to a file outside of the folder, and is not read",
                rule="upstream",
                location=Location(importer.display_path, 1),
                next_step="put a copy of that file into the folder, and look at it",
            )
        try:
            text = decoded(path.read_bytes())
            imports = where_imports_lead(path, text, self._tree)
            return module_text(path.stem, path.name, text, folder=path.parent, imports=imports)
        except (OSError, SyntaxError, ValueError) as error:
            raise Refusal(
                f"the file beside it, {path.name}, cannot be read as Python source: {error}",
                rule="parse",
                location=Location(path.name, getattr(error, "lineno", None) or 1),
                next_step="check that it is Python 3, in the encoding that it names",
            ) from error

    def _of_transformers(self, path: str) -> ModuleText | None:
        if path not in self._known:
            self._known[path] = self._read_of_transformers(path)
        return self._known[path]

    def _read_of_transformers(self, path: str) -> ModuleText | None:
        assert self._tree is not None
        file = self._tree.root.joinpath(*path.split("/"))
        if not file.is_file():
            return None
        name = f"transformers.{path.removesuffix('.py').replace('/', '.')}"
        return module_text(name, f"transformers/{path}", decoded(file.read_bytes()))

    def _path_of_class(self, folder: str | None, name: str) -> str | None:
        """The modeling file of a class that a package hands on: in a model's folder, or in that its name speaks of."""
        assert self._tree is not None
        folders = [folder] if folder is not None else self._tree.folders_for_class(name)
        for candidate in folders:
            found = self._tree.modeling_file(candidate, name)
            if found is not None:
                return found[0]
        return None
