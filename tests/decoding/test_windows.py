"""Decoders of models with windows: their calls go on where a row stands."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qeff_codegen.decoding.session import OrtDecoderSession
from qeff_codegen.decoding.torch_decoder import TorchDecoder
from qeff_codegen.errors import UsageError
from qeff_codegen.export.export import export_onnx
from qeff_codegen.export.graph_io import ExportSpec
from qeff_codegen.export.kv_cache import kv_cache_shapes
from tests.runtime.tiny_generated import tiny_generated

CTX_LEN = 24
Make = Callable[[], TorchDecoder | OrtDecoderSession]


@pytest.fixture(scope="module")
def model() -> Any:
    return tiny_generated("mistral", "window")


@pytest.fixture(scope="module", params=["PyTorch", "ONNX Runtime"])
def make(model: Any, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Make]:
    if request.param == "PyTorch":
        yield lambda: TorchDecoder(model, 2, CTX_LEN)
    else:
        path: Path = export_onnx(model, tmp_path_factory.mktemp("graph") / "model.onnx", ExportSpec(CTX_LEN))
        yield lambda: OrtDecoderSession(path, 2, CTX_LEN)


def call(decoder: TorchDecoder | OrtDecoderSession, *positions: list[int]) -> np.ndarray:
    position_ids = np.array(positions)
    return decoder.run(position_ids + 3, position_ids)


def test_rows_go_on_idle_and_begin_again(make: Make, model: Any) -> None:
    decoder = make()
    whole = TorchDecoder(model, 2, CTX_LEN, layers=kv_cache_shapes(model))
    calls = ([list(range(9)), [0, 1, *[-1] * 7]], [[9], [2]], [[-1], [3]], [[10, 11], [0, -1]])
    for positions in calls:
        one, other = call(decoder, *positions), call(whole, *positions)
        given = np.array(positions).max(1) >= 0
        np.testing.assert_allclose(one[given], other[given], atol=1e-4)


@pytest.mark.parametrize(
    ("positions", "message"),
    [
        ([[7], [4]], "row 0 of a call begins at position 7, and row 0 of the cache has 4 tokens: .* keeps windows"),
        ([[4, 6], [4, 5]], "has the positions .4, 6.: this model keeps windows"),
        ([[-1, 4], [4, 5]], "row 0 of a call begins at position -1, .* keeps windows"),
    ],
)
def test_a_gap_is_refused(make: Make, positions: list[list[int]], message: str) -> None:
    decoder = make()
    call(decoder, [0, 1, 2, 3], [0, 1, 2, 3])
    with pytest.raises(UsageError, match=message):
        call(decoder, *positions)
