"""Names are found by the compiler's scope analysis and imported in isort's order."""

from __future__ import annotations

from qeff_codegen.anatomy.modeling_file import read_modeling_file
from qeff_codegen.emit.imports import global_names, import_block, resolve
from qeff_codegen.upstream.source import UpstreamModel


def test_global_names_are_those_a_function_does_not_bind() -> None:
    code = "def f(a: T, *, b=D) -> R:\n    c = a\n    return [g(c, x, len(x)) for x in b]\n"
    assert global_names(code) == {"T", "D", "R", "g"}


def test_a_name_only_assigned_in_a_function_is_not_global() -> None:
    assert global_names("def f():\n    x = 1\n    return x\n") == set()


def test_resolve_prefers_the_runtime_then_upstreams_imports_then_its_module() -> None:
    source = "from ...cache_utils import Cache, QEffDynamicCache\nimport torch\n\n\ndef helper():\n    pass\n"
    file = read_modeling_file(UpstreamModel("a", "a.py", "transformers.models.a.modeling_a", source))
    found, unknown = resolve({"Cache", "QEffDynamicCache", "torch", "helper", "nobody", "nn"}, file)
    assert found == {
        "Cache": ("transformers.cache_utils", "Cache"),
        "QEffDynamicCache": ("qeff_codegen.runtime.cache_utils", "QEffDynamicCache"),
        "helper": ("transformers.models.a.modeling_a", "helper"),
        "nn": ("torch", "nn"),
        "torch": ("torch", None),
    }
    assert unknown == ["nobody"]


def test_import_block_is_in_sections() -> None:
    found = {
        "Callable": ("collections.abc", "Callable"),
        "torch": ("torch", None),
        "nn": ("torch", "nn"),
        "F": ("torch.nn.functional", None),
        "MIN_VALUE": ("qeff_codegen.runtime.constants", "MIN_VALUE"),
    }
    assert import_block(found) == (
        "from collections.abc import Callable\n\n"
        "import torch\nimport torch.nn.functional as F\nfrom torch import nn\n\n"
        "from qeff_codegen.runtime.constants import MIN_VALUE"
    )


def test_a_renamed_class_has_a_statement_of_its_own() -> None:
    found = {"A2_of_b": ("m", "A2"), "A10": ("m", "A10"), "A1": ("m", "A1")}
    assert import_block(found) == "from m import A1, A10\nfrom m import A2 as A2_of_b"
