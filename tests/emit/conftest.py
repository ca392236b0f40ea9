"""A small generated model that needs no upstream file."""

from __future__ import annotations

import pytest

from qeff_codegen.generated_model import GeneratedModel, MappingEntry
from qeff_codegen.upstream.source import UpstreamModel


def tiny_model(
    name: str = "tiny", code: str = "x = 1\n", upstream_module: str = "tiny.modeling_tiny"
) -> GeneratedModel:
    cls = name.capitalize()
    module = f".{name}.modeling_{name}"
    return GeneratedModel(
        name=name,
        upstream=UpstreamModel(name, f"{name}/modeling_{name}.py", upstream_module, "source", version="5.5.4"),
        code=code,
        mappings=(
            MappingEntry("CustomOpsTransform", f"{cls}RMSNorm", "CustomRMSNormAIC", "qeff_codegen.runtime.customop"),
            MappingEntry("KVCacheTransform", f"{cls}Model", f"QEff{cls}Model", module),
        ),
        roles=(),
        edits=(),
        rules=(),
    )


@pytest.fixture
def model() -> GeneratedModel:
    return tiny_model()
