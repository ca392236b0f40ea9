"""The toy Llama as fixtures: upstream's, its QEff model, its graphs, and what decodes with them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from qeff_codegen.decoding.host_session import HostDecoderSession, open_decoder
from qeff_codegen.decoding.session import OrtDecoderSession
from qeff_codegen.decoding.torch_decoder import TorchDecoder
from qeff_codegen.export.export import export_onnx
from qeff_codegen.export.graph_io import ExportSpec
from tests.runtime.toy_llama import CTX_LEN, qeff_llama, upstream_llama

MakeDecoder = Callable[..., Any]
# Of this process: exported once, whichever folder of tests asks first.
_GRAPHS: dict[ExportSpec, Path] = {}


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def upstream() -> Any:
    return upstream_llama()


@pytest.fixture(scope="session")
def qeff(upstream: Any) -> Any:
    return qeff_llama(upstream)


@pytest.fixture(scope="session")
def exported(qeff: Any, tmp_path_factory: pytest.TempPathFactory) -> Callable[[ExportSpec], Path]:
    """Exports the toy Llama, once for each kind of graph."""

    def export(spec: ExportSpec) -> Path:
        if spec not in _GRAPHS:
            _GRAPHS[spec] = export_onnx(qeff, tmp_path_factory.mktemp("onnx") / "llama.onnx", spec)
        return _GRAPHS[spec]

    return export


@pytest.fixture(params=["torch", "onnxruntime", "onnxruntime on the host's copy"])
def make_decoder(request: pytest.FixtureRequest, qeff: Any, exported: Callable[[ExportSpec], Path]) -> MakeDecoder:
    """Makes a decoder of the toy Llama, in PyTorch and in onnxruntime, there of the graph as it is and of its copy."""

    def make(batch_size: int, ctx_len: int = CTX_LEN, **graph: Any) -> Any:
        if request.param == "torch":
            return TorchDecoder(qeff, batch_size, ctx_len)
        onnx_path = exported(ExportSpec(CTX_LEN, **graph))
        if request.param == "onnxruntime":
            return OrtDecoderSession(onnx_path, batch_size, ctx_len)
        decoder = open_decoder(onnx_path, batch_size, ctx_len)
        assert isinstance(decoder, HostDecoderSession)
        return decoder

    return make
