"""What each layer and each specialization takes, held against numbers worked out by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import onnx_ir
import pytest

from qeff_codegen.deploy.steps import LookedAt
from qeff_codegen.export.specialization import Specialization
from qeff_codegen.program_report.sizes import part_sizes, program_sizes, shown, weights_in_all
from qeff_codegen.program_report.tensors import tensor_rows
from tests.runtime.toy_llama import CTX_LEN

HIDDEN, INNER, VOCABULARY, KEYS = 64, 96, 101, 2 * 16


def test_every_weight_is_counted_once_as_float16(llama: LookedAt) -> None:
    parts = {part.name: part for part in part_sizes(llama)}
    layer = 2 * HIDDEN * HIDDEN + 2 * HIDDEN * KEYS + 3 * HIDDEN * INNER + 2 * HIDDEN
    assert parts["layer 0"].weights == parts["layer 1"].weights == 2 * layer
    assert parts["model.embed_tokens"].weights == parts["lm_head"].weights == 2 * HIDDEN * VOCABULARY
    initializers = llama.candidate.graph_model.graph.initializers.values()
    floats = [value for value in initializers if value.const_value is not None]
    assert weights_in_all(parts.values()) == sum(2 * value.const_value.size for value in floats if value.const_value)


def test_a_compressed_cache_has_a_scale_for_32_numbers(llama: LookedAt) -> None:
    keys_and_values = 2 * 4 * 2 * CTX_LEN * 16
    assert [part.cache for part in part_sizes(llama) if part.cache] == [math.ceil(keys_and_values * 33 / 32)] * 2
    assert {program.cache for program in program_sizes(llama)} == {2 * math.ceil(keys_and_values * 33 / 32)}


def test_states_have_a_size_of_their_own(hybrid: LookedAt) -> None:
    values = {value.name: value for value in hybrid.candidate.graph_model.graph.inputs}
    states = [name for name in values if name and name.startswith("recurrent_state.")]
    layer = states[0].rpartition(".")[2]
    expected = 0
    for name in values:
        if name and name.endswith(f".{layer}"):
            numbers = [size if isinstance(size, int) else 2 for size in values[name].shape or ()]
            expected += math.prod(numbers) * (4 if name in states else 2)
    assert {part.name: part.cache for part in part_sizes(hybrid)}[f"layer {layer}"] == expected


def test_a_call_takes_its_tokens_and_gives_its_logits(llama: LookedAt) -> None:
    prefill, decode = program_sizes(llama)
    assert prefill.sizes == f"batch_size 1, ctx_len {CTX_LEN}, full_batch_exec_size 1, full_batch_size 4, seq_len 8"
    # input_ids, position_ids and batch_index are int64.
    assert prefill.passed == 8 * (8 + 8 + 1) + 2 * VOCABULARY
    assert decode.passed == 4 * (8 * (1 + 1 + 1) + 2 * VOCABULARY)


def test_tensors_are_counted_while_somebody_reads_them() -> None:
    model = onnx_ir.from_onnx_text("""<ir_version: 8, opset_import: ["" : 17]>
        g (float[10] x, float[10] w) => (float[10] y) {
            constant = Neg(w)
            first = Neg(x)
            second = Add(first, constant)
            third = Mul(second, second)
            fourth = Neg(third)
            y = Add(fourth, first)
        }""")
    for node in model.graph:
        for value in node.outputs:
            value.shape, value.dtype = onnx_ir.Shape([10]), onnx_ir.DataType.FLOAT

    class Candidate:
        programs = (Specialization("Only", {}),)
        sized = {"Only": model.graph}
        graph_model = onnx_ir.from_onnx_text(
            """<ir_version: 8, opset_import: ["" : 17]> g (float[10] x) => (float[10] y) { y = Neg(x) }"""
        )

    seen = LookedAt("text", Candidate(), None, "float16")  # type: ignore[arg-type]
    (program,) = program_sizes(seen)
    assert program.between == 3 * 10 * 2, "first, and two of the others; what follows from the weight is a weight"
    model.graph[2].outputs[0].shape = None
    assert program_sizes(seen)[0].between is None


def test_layers_stand_in_one_row(llama: LookedAt) -> None:
    graph = llama.candidate.graph_model.graph
    assert [(row.name, row.count, row.dtype, row.shape) for row in tensor_rows(graph.inputs)] == [
        ("input_ids", 1, "int64", "[batch_size, seq_len]"),
        ("position_ids", 1, "int64", "[batch_size, seq_len]"),
        ("past_key.0–1", 2, "float32", "[full_batch_size, 2, ctx_len, 16]"),
        ("past_value.0–1", 2, "float32", "[full_batch_size, 2, ctx_len, 16]"),
        ("batch_index", 1, "int64", "[batch_size, 1]"),
    ]
    assert [row.name for row in tensor_rows(graph.outputs)] == [
        "logits",
        "past_key.0–1_RetainedState",
        "past_value.0–1_RetainedState",
    ]


def test_runs_of_layers_are_told_apart() -> None:
    values = [
        onnx_ir.Value(
            name=f"conv_state.{layer}", shape=onnx_ir.Shape([1]), type=onnx_ir.TensorType(onnx_ir.DataType.FLOAT)
        )
        for layer in (0, 1, 2, 4, 6, 7)
    ]
    assert [row.name for row in tensor_rows(values)] == ["conv_state.0–2, 4, 6–7"]


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 bytes"), (1023, "1023 bytes"), (1536, "1.5 KiB"), (2**20, "1 MiB"), (5 * 2**31, "10 GiB")],
)
def test_bytes_as_a_reader_sees_them(size: int, text: str) -> None:
    assert shown(size) == text


def test_a_program_of_more_rows_keeps_more(llama: LookedAt) -> None:
    programs = tuple(
        replace(program, symbols=program.symbols | {"full_batch_size": 8}) for program in llama.candidate.programs
    )
    larger = replace(llama, candidate=replace(llama.candidate, programs=programs))
    assert program_sizes(larger)[0].cache == 2 * program_sizes(llama)[0].cache
