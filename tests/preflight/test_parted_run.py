"""A graph that runs part by part computes what it computes as a whole, and products with large matrices too."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from qeff_codegen.deploy.compile_options import CompileOptions
from qeff_codegen.export import graph_file
from qeff_codegen.export.graph_io import ExportSpec
from qeff_codegen.preflight import large_products, parted_run
from qeff_codegen.preflight.candidate import Candidate
from qeff_codegen.preflight.watched_run import WatchedRun
from qeff_codegen.preflight.weight_numbers import in_blocks, numbers_of
from tests.preflight.conftest import toy_candidate
from tests.runtime.toy_llama import CTX_LEN


def computed(candidate: Candidate) -> dict[str, list[np.ndarray]]:
    """What is looked at, by its name, in each call."""
    found: dict[str, list[np.ndarray]] = defaultdict(list)
    for name, array in WatchedRun(candidate).tensors():
        found[name].append(array)
    return found


def number_of_parts(candidate: Candidate) -> tuple[int, int]:
    """Of all parts, and of those that are products with large matrices."""
    parts = WatchedRun(candidate)._run._parts
    return len(parts), sum(part.product is not None for part in parts)


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("batching", [False, True])
def test_parts_compute_what_the_whole_does(
    tied: bool, batching: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph_file, "MAX_EMBEDDED_BYTES", 0)
    options = CompileOptions(4, CTX_LEN, full_batch_size=2) if batching else CompileOptions(4, CTX_LEN, batch_size=2)
    spec = ExportSpec(CTX_LEN, continuous_batching=batching)
    candidate = toy_candidate(tmp_path, spec, options, tie_word_embeddings=tied)
    assert number_of_parts(candidate) == (1, 0)
    whole = computed(candidate)
    assert {len(arrays) for arrays in whole.values()} == {6}
    # Room for a projection, none for the matrix of the vocabulary.
    monkeypatch.setattr(parted_run, "PART_BYTES", 25_000)
    monkeypatch.setattr(large_products, "_BLOCK_BYTES", 4_000)
    parts, products = number_of_parts(candidate)
    assert parts > 10 and products == 1
    found = computed(candidate)
    # The transpose of a tied matrix belongs to its product.
    assert len(whole.keys() - found.keys()) == (1 if tied else 0) and found.keys() <= whole.keys()
    for name, arrays in found.items():
        for array, expected in zip(arrays, whole[name], strict=True):
            assert array.shape == expected.shape and array.dtype == expected.dtype
            assert np.allclose(array, expected, rtol=1e-4, atol=1e-4, equal_nan=True), name


def test_large_matrices_that_stand_in_the_graph_itself_are_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As those of a float16 graph of less than 64 MiB are, which take twice that in float32.
    candidate = toy_candidate(tmp_path, ExportSpec(CTX_LEN), CompileOptions(8, CTX_LEN))
    assert [path.name for path in tmp_path.iterdir()] == ["model.onnx"]
    whole = computed(candidate)
    monkeypatch.setattr(parted_run, "PART_BYTES", 25_000)
    parts, products = number_of_parts(candidate)
    assert parts > 10 and products == 0
    found = computed(candidate)
    assert found.keys() == whole.keys()
    for name, arrays in found.items():
        for array, expected in zip(arrays, whole[name], strict=True):
            assert np.allclose(array, expected, rtol=1e-4, atol=1e-4, equal_nan=True), name


def test_a_weight_in_a_file_is_read_in_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph_file, "MAX_EMBEDDED_BYTES", 0)
    monkeypatch.setattr("qeff_codegen.preflight.weight_numbers._BLOCK", 100)
    candidate = toy_candidate(tmp_path, ExportSpec(CTX_LEN), CompileOptions(8, CTX_LEN))
    for value in candidate.graph_model.graph.initializers.values():
        assert value.const_value is not None
        blocks = list(in_blocks(value.const_value))
        assert max(block.size for block in blocks) <= 100
        assert np.array_equal(np.concatenate(blocks), numbers_of(value.const_value).reshape(-1))
