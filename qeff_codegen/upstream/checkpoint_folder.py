"""A checkpoint's folder that brings its own modeling code: what its `config.json` says of it, as text.

`auto_map` of `config.json` names a class for each of transformers' auto classes, as `<module>.<Class>`, and the module
is a file beside it. A class of another repository, or a file that is not in the folder, is refused: what is generated
must come from what the user looked at.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from qeff_codegen.errors import Location, Refusal, UsageError

CONFIG = "config.json"
AUTO_MAP = "auto_map"
CAUSAL_LM = "AutoModelForCausalLM"
_REFERENCE = re.compile(r"([A-Za-z_]\w*)\.([A-Za-z_]\w*)", re.ASCII)
_RULE = "auto_map"


@dataclass(frozen=True)
class CheckpointFolder:
    """A folder with a `config.json`.

    Attributes:
        settings: all that it says.
        text: the file's own text, for the places in messages.
    """

    folder: Path
    settings: Mapping[str, Any]
    text: str = field(repr=False)

    @property
    def model_type(self) -> str | None:
        """The model type, if it says one."""
        found = self.settings.get("model_type")
        return found if isinstance(found, str) else None

    @property
    def transformers_version(self) -> str | None:
        """The release of transformers that the checkpoint was saved with, which its code was written for."""
        found = self.settings.get("transformers_version")
        return found if isinstance(found, str) else None

    @property
    def has_own_code(self) -> bool:
        """Whether it names classes of its own."""
        return bool(self._auto_map)

    def class_for(self, auto_class: str) -> tuple[Path, str] | None:
        """The file and the class that `auto_map` names for an auto class of transformers, if it names any.

        Raises:
            Refusal: it names code of another repository, or a file that is not in the folder.
        """
        reference = self._auto_map.get(auto_class)
        if reference is None:
            return None
        found = _REFERENCE.fullmatch(reference) if isinstance(reference, str) else None
        if found is None:
            raise self._refusal(auto_class, _why_no_reference(reference))
        path = self.folder / f"{found[1]}.py"
        if not path.is_file():
            raise self._refusal(auto_class, f"`{path.name}` is not in the folder")
        if not stands_in(path, self.folder):
            raise self._refusal(auto_class, f"`{path.name}` is a link to a file outside of the folder")
        return path, found[2]

    def names_module(self, auto_class: str, module: str) -> bool:
        """Whether the class that `auto_map` names for an auto class is one of the module with that name."""
        return str(self._auto_map.get(auto_class)).startswith(f"{module}.")

    def modeling_files(self) -> list[Path]:
        """The files with models that `auto_map` names, for whichever auto classes, in its order.

        Raises:
            Refusal: as for `class_for`.
        """
        names = [name for name in self._auto_map if name.startswith("AutoModel")]
        found = [self.class_for(name) for name in names]
        return list(dict.fromkeys(item[0] for item in found if item is not None))

    @property
    def _auto_map(self) -> Mapping[str, Any]:
        found = self.settings.get(AUTO_MAP)
        return found if isinstance(found, dict) else {}

    def _refusal(self, auto_class: str, why: str) -> Refusal:
        lines = self.text.splitlines()
        line = next((number for number, line in enumerate(lines, 1) if f'"{auto_class}"' in line), 1)
        return Refusal(
            f"`{AUTO_MAP}` names a class for {auto_class} that is not to be read: {why}",
            rule=_RULE,
            location=Location(f"{self.folder.name}/{CONFIG}", line, lines[line - 1] if lines else ""),
            expected="`<module>.<Class>` of a file in the checkpoint's own folder",
            next_step="put a copy of that file into the folder, look at it, and name it there",
        )


def read_checkpoint_folder(folder: Path) -> CheckpointFolder | None:
    """What the `config.json` of a folder says; None where the folder has none.

    Raises:
        UsageError: it cannot be read, or is no JSON object.
    """
    path = folder / CONFIG
    if not path.is_file():
        return None
    try:
        text = path.read_text("utf-8")
        settings = json.loads(text)
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read as JSON: {error}.\nCopy the model's folder again.") from error
    if not isinstance(settings, dict):
        raise UsageError(f"{path} holds no settings: it is no JSON object.\nCopy the model's folder again.")
    return CheckpointFolder(folder, settings, text)


def stands_in(path: Path, folder: Path) -> bool:
    """Whether a file stands in `folder` itself, with links followed.

    The cache of Hugging Face's hub holds the files of a repository in `blobs`, and a snapshot of links to them: these
    count as the snapshot's own.
    """
    place, own = path.resolve().parent, folder.resolve()
    is_snapshot = own.parent.name == "snapshots" and place == own.parents[1] / "blobs"
    return place == own or is_snapshot


def _why_no_reference(reference: Any) -> str:
    if isinstance(reference, str) and "--" in reference:
        return f"`{reference}` is of another repository"
    if isinstance(reference, str) and re.search(r"[/\\]|\.\.", reference):
        return f"`{reference}` is a path"
    return f"{json.dumps(reference)} is no class of a module"
