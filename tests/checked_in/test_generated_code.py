"""Generated folders are found, imported, and told apart."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from qeff_codegen.checked_in.generated_code import is_edited, load_transforms
from qeff_codegen.checked_in.manifest import Manifest, load, render
from qeff_codegen.emit.write import write_models
from qeff_codegen.errors import UsageError
from qeff_codegen.generate.one_model import generate_model
from qeff_codegen.upstream.find import find_model

ROOT = Path(__file__).resolve().parents[2]

TRANSFORMS = """
from {package}.toy.modeling_toy import NAME
from qeff_codegen.runtime.pytorch_transforms import ModuleMappingTransform


class CustomOpsTransform(ModuleMappingTransform):
    _module_mapping = {{}}


class KVCacheTransform(ModuleMappingTransform):
    _module_mapping = {{}}
    name = NAME
"""


def write_generated(folder: Path, name: str) -> Path:
    (folder / "toy").mkdir(parents=True)
    (folder / "__init__.py").touch()
    (folder / "toy" / "__init__.py").touch()
    (folder / "toy" / "modeling_toy.py").write_text(f"NAME = {name!r}\n")
    (folder / "pytorch_transforms.py").write_text(TRANSFORMS.format(package=folder.name))
    return folder


def test_folders_of_one_name_are_told_apart(tmp_path: Path) -> None:
    first = write_generated(tmp_path / "one" / "made_here", "first")
    second = write_generated(tmp_path / "two" / "made_here", "second")
    names = [load_transforms("toy", folder).transforms[1].name for folder in (first, second, first)]
    assert names == ["first", "second", "first"]


def test_a_folder_never_takes_the_place_of_another_package(tmp_path: Path) -> None:
    folder = write_generated(tmp_path / "json", "toy")
    with pytest.raises(UsageError, match="json has the name of the package `json`, which is in use. Rename it."):
        load_transforms("toy", folder)
    assert json.loads("1") == 1
    assert sys.modules["json"] is json


def test_a_name_that_was_not_generated_says_which_command_to_run(tmp_path: Path) -> None:
    folder = write_generated(tmp_path / "made_there", "toy")
    with pytest.raises(UsageError) as error:
        load_transforms("llama", folder)
    assert str(error.value) == (
        f"`llama` is not generated: {folder / 'llama' / 'modeling_llama.py'} does not exist.\n"
        "Run `python -m qeff_codegen llama` first, or say with --generated which folder to read."
    )


def test_code_that_cannot_be_imported_is_reported_in_one_message(tmp_path: Path) -> None:
    folder = write_generated(tmp_path / "made_wrong", "toy")
    (folder / "toy" / "modeling_toy.py").write_text("import no_such_package\n")
    with pytest.raises(
        UsageError, match="pytorch_transforms.py cannot be imported: No module named 'no_such_package'"
    ):
        load_transforms("toy", folder)


def test_code_of_another_release_says_so(tmp_path: Path) -> None:
    folder = write_generated(tmp_path / "made_then", "toy")
    (folder / "toy" / "modeling_toy.py").write_text("from transformers import nothing_of_that_name\n")
    entry = replace(load(ROOT / "generated").models["llama"], transformers_version="4.0.0")
    (folder / "manifest.json").write_text(render(Manifest({"toy": entry}, None)))
    with pytest.raises(UsageError, match=r"generated from transformers 4\.0\.0, and \d.* is installed"):
        load_transforms("toy", folder)


def test_a_file_that_was_edited_is_told(tmp_path: Path) -> None:
    write_models([generate_model(find_model("blueprint"))], tmp_path, force=False, rules_sha256="")
    assert not is_edited("blueprint", tmp_path)
    path = tmp_path / "blueprint/modeling_blueprint.py"
    path.write_text(path.read_text() + "# mine\n")
    assert is_edited("blueprint", tmp_path)
