"""A changed modeling file and the code generated from it, both executed beside the installed ones."""

from __future__ import annotations

import importlib
import io
import linecache
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import Any

from qeff_codegen.generated_model import GeneratedModel
from qeff_codegen.runtime.pytorch_transforms import ModuleMappingTransform

_GENERATED = "qeff_codegen_generated_beside_upstream"


@contextmanager
def generated_classes(generated: GeneratedModel, model: Any) -> Iterator[Any]:
    """`model` with generated classes in the place of its own, which the registered upstream module defines."""
    with generated_transforms(generated) as transforms:
        for transform in transforms:
            transform.apply(model)
        yield model


@contextmanager
def generated_transforms(generated: GeneratedModel) -> Iterator[list[type[ModuleMappingTransform]]]:
    """What puts generated classes in the place of those that the registered upstream module defines."""
    with registered(_GENERATED, generated.code):
        module = executed(_GENERATED, generated.code)
        upstream = sys.modules[generated.upstream.module]
        yield [
            _transform(
                {
                    getattr(upstream, entry.upstream_class): getattr(module, entry.replacement, None)
                    or getattr(importlib.import_module(entry.replacement_module), entry.replacement)
                    for entry in generated.mappings
                    if entry.transform == transform
                }
            )
            for transform in ("CustomOpsTransform", "KVCacheTransform")
        ]


def _transform(mapping: dict[type[Any], type[Any]]) -> type[ModuleMappingTransform]:
    class Transform(ModuleMappingTransform):
        _module_mapping = mapping

    return Transform


@contextmanager
def registered(name: str, source: str) -> Iterator[None]:
    """Let `name` be imported while the block runs, from a file, which upstream's documentation decorators read."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        file = Path(folder) / f"{name.rpartition('.')[2]}.py"
        file.write_text(source, "utf-8")
        module = ModuleType(name)
        module.__file__ = str(file)
        sys.modules[name] = module
        try:
            yield
        finally:
            del sys.modules[name]
            linecache.cache.pop(str(file), None)


def executed(name: str, source: str) -> ModuleType:
    """The registered module, executed when first asked for."""
    module = sys.modules[name]
    if not module.__dict__.get("__executed__"):
        module.__dict__["__package__"] = name.rpartition(".")[0]
        # Upstream's documentation decorators print what they miss.
        with redirect_stdout(io.StringIO()):
            exec(compile(source, str(module.__file__), "exec"), module.__dict__)
        module.__dict__["__executed__"] = True
    return module
