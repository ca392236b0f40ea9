from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from qeff_codegen.decoding.session import OrtDecoderSession
from qeff_codegen.errors import UsageError
from qeff_codegen.export.graph_io import ExportSpec
from tests.runtime.toy_llama import CTX_LEN


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"there is no ONNX file .*absent.onnx. Export the model first"):
        OrtDecoderSession(tmp_path / "absent.onnx", 1, CTX_LEN)


def test_file_that_is_no_onnx(tmp_path: Path) -> None:
    path = tmp_path / "text.onnx"
    path.write_text("hello")
    with pytest.raises(UsageError, match=r"onnxruntime cannot load .*text.onnx"):
        OrtDecoderSession(path, 1, CTX_LEN)


def test_graph_without_retained_state(tmp_path: Path) -> None:
    value = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1])
    result = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1])
    graph = onnx.helper.make_graph([onnx.helper.make_node("Neg", ["x"], ["y"])], "negation", [value], [result])
    path = tmp_path / "negation.onnx"
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8), path)
    with pytest.raises(UsageError, match="no exported decoder"):
        OrtDecoderSession(path, 1, CTX_LEN)


def test_inputs_the_graph_was_not_exported_for(exported: Callable[[ExportSpec], Path]) -> None:
    tokens = np.zeros((1, 1), dtype=np.int64)
    plain = OrtDecoderSession(exported(ExportSpec(CTX_LEN)), 1, CTX_LEN)
    with pytest.raises(UsageError, match="missing or not among them: batch_index. Export with"):
        plain.run(tokens, tokens, batch_index=tokens)
    continuous = OrtDecoderSession(exported(ExportSpec(CTX_LEN, continuous_batching=True)), 1, CTX_LEN)
    with pytest.raises(UsageError, match="missing or not among them: batch_index. Export with"):
        continuous.run(tokens, tokens)
