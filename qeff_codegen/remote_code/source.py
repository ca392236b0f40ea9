"""Which files and classes a generated model's own code is: found again by its name and source, and held against it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from qeff_codegen.checked_in.manifest import load, package_of
from qeff_codegen.errors import UsageError
from qeff_codegen.upstream.checkpoint_folder import read_checkpoint_folder
from qeff_codegen.upstream.find import find_model
from qeff_codegen.upstream.loose_file import find_loose_file
from qeff_codegen.upstream.source import UpstreamModel

# Settings that say something of the checkpoint and nothing of the model.
_NOT_OF_THE_MODEL = frozenset(
    {"_name_or_path", "architectures", "auto_map", "dtype", "model_type", "quantization_config", "torch_dtype"}
    | {"transformers_version"}
)


@dataclass(frozen=True)
class RemoteSource:
    """A model's own code, as text that was generated from.

    Attributes:
        name: the generated model.
        upstream: the text.
        folder: the checkpoint's folder, or None for a file that stands alone.
        causal_lm: the file and the class.
        configuration: the same of its configuration; no file where only the causal LM knows its class.
        settings: what `config.json` says of the model.
        transformers_version: the release that the checkpoint was saved with, if it says so.
        package: the package that generated code imports it from; empty for a file in no package.
        root: the folder that this package stands in.
    """

    name: str
    upstream: UpstreamModel = field(repr=False)
    folder: Path | None
    causal_lm: tuple[Path, str]
    configuration: tuple[Path | None, str]
    settings: Mapping[str, Any]
    transformers_version: str | None
    package: str = ""
    root: Path | None = None


def find_remote_source(name: str, source: Path, class_name: str | None, generated: Path) -> RemoteSource:
    """The code of `source`, which `name` was generated from.

    Args:
        name: a model that is generated into the folder `generated`.
        source: a checkpoint's folder, or a modeling file.
        class_name: the causal LM, where it was named when the model was generated.

    Raises:
        UsageError: the model is not generated, or from another text, or from a source that can be imported.
        Refusal: `config.json` names code elsewhere.
    """
    package = package_of(name, generated)
    entry = load(generated).models.get(package)
    if entry is None:
        options = f"--source {source}" + (f" --class {class_name}" if class_name else "")
        raise UsageError(f"`{name}` is not generated.\nRun `python -m qeff_codegen {name} {options}` first.")
    if entry.causal_lm is None:
        raise UsageError(f"`{name}` was generated from {entry.upstream_path}, which needs no --source: leave it out.")
    upstream = find_model(name, source=source, class_name=class_name)
    if upstream.sha256 != entry.upstream_sha256:
        raise UsageError(
            f"{source} is not the text that `{name}` was generated from: generate it again.\n"
            f"Run `python -m qeff_codegen {name} --source {source}`."
        )
    file = find_loose_file(upstream.name, source, class_name)
    around = upstream.module.split(".")[:-1] if upstream.importable else []
    checkpoint = read_checkpoint_folder(file.path.parent)
    own = checkpoint if checkpoint is not None and checkpoint.has_own_code else None
    configuration = own.class_for("AutoConfig") if own is not None else None
    settings = dict(checkpoint.settings) if checkpoint is not None else {}
    return RemoteSource(
        name=package,
        upstream=upstream,
        folder=checkpoint.folder if checkpoint is not None else None,
        causal_lm=(file.path, entry.causal_lm.rpartition(".")[2]),
        configuration=configuration or (None, ""),
        settings={key: value for key, value in settings.items() if key not in _NOT_OF_THE_MODEL},
        transformers_version=checkpoint.transformers_version if checkpoint is not None else None,
        package=".".join(around),
        root=file.path.resolve().parents[len(around)] if around else None,
    )
