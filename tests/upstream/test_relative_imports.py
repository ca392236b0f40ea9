"""A relative import of a file in no package: the file beside it, or what it would be in transformers."""

from __future__ import annotations

from pathlib import Path

import pytest

from qeff_codegen.anatomy.modeling_file import read_modeling_file
from qeff_codegen.upstream.find import find_model
from qeff_codegen.upstream.relative_imports import where_imports_lead
from qeff_codegen.upstream.transformers_text import installed_transformers

FILE = "modeling_llama.py"


@pytest.mark.parametrize(
    ("statement", "meant"),
    [
        ("from ...activations import ACT2FN", "transformers.activations"),
        ("from ... import PreTrainedModel", "transformers"),
        ("from ..auto import AutoModel", "transformers.models.auto"),
        ("from .configuration_llama import LlamaConfig", "transformers.models.llama.configuration_llama"),
        ("from .configuration_qwen2 import Qwen2Config", "transformers.models.qwen2.configuration_qwen2"),
        ("from .configuration_pebble import PebbleConfig", ".configuration_pebble"),
        ("from configuration_pebble import PebbleConfig", ".configuration_pebble"),
        ("from .nowhere import x", ".nowhere"),
        ("from ...nowhere import x", ".nowhere"),
        ("from ....nowhere import x", ".nowhere"),
        ("from transformers.activations import ACT2FN", None),
        ("def f():\n    from ...activations import ACT2FN", "transformers.activations"),
    ],
)
def test_what_is_meant(tmp_path: Path, statement: str, meant: str | None) -> None:
    (tmp_path / "configuration_pebble.py").touch()
    found = where_imports_lead(tmp_path / FILE, statement, installed_transformers())
    assert [module for _, module in found] == ([] if meant is None else [meant])


def test_the_file_beside_it_comes_first(tmp_path: Path) -> None:
    (tmp_path / "configuration_llama.py").touch()
    statement = "from .configuration_llama import LlamaConfig"
    assert where_imports_lead(tmp_path / FILE, statement, installed_transformers()) == (
        (".configuration_llama", ".configuration_llama"),
    )


def test_without_transformers_it_is_believed_to_be_there(tmp_path: Path) -> None:
    assert where_imports_lead(tmp_path / FILE, "from ...cache_utils import Cache", None) == (
        ("...cache_utils", "transformers.cache_utils"),
    )


def test_the_file_is_read_with_what_is_meant(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("from ...activations import ACT2FN\nfrom .beside import x\n")
    (tmp_path / "beside.py").write_text("from os import path as x\n")
    imports = read_modeling_file(find_model("llama", source=tmp_path)).imports
    assert imports == {"ACT2FN": ("transformers.activations", "ACT2FN"), "x": (".beside", "x")}
