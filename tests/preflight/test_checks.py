"""Each check finds exactly what it is for, and none finds anything in a right graph."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from qeff_codegen.deploy.compile_options import CompileOptions
from qeff_codegen.deploy.specializations import specializations
from qeff_codegen.export.export import export_onnx
from qeff_codegen.export.graph_io import ExportSpec
from qeff_codegen.export.precision import convert
from qeff_codegen.export.sampler_io import SamplerSpec
from qeff_codegen.export.specialization import Specialization
from qeff_codegen.preflight import interface, specialized_axes
from qeff_codegen.preflight.candidate import Candidate, candidate_of
from qeff_codegen.preflight.check import Check
from qeff_codegen.preflight.run import preflight
from tests.preflight.conftest import PROMPTS, Edited, before_logits, edited_candidate, problems, toy_candidate
from tests.runtime.tiny_generated import tiny_generated
from tests.runtime.toy_llama import CTX_LEN, qeff_llama, upstream_llama

CONTINUOUS = ExportSpec(CTX_LEN, continuous_batching=True)


@pytest.mark.parametrize(
    ("spec", "options", "settings"),
    [
        (CONTINUOUS, CompileOptions(8, CTX_LEN, full_batch_size=4), {}),
        (
            replace(CONTINUOUS, compute_context_length=True),
            CompileOptions(
                8, CTX_LEN, full_batch_size=4, comp_ctx_lengths_prefill=(8,), comp_ctx_lengths_decode=(16,)
            ),
            {},
        ),
        (
            replace(CONTINUOUS, sampler=SamplerSpec(return_pdfs=True, max_top_k_ids=16)),
            CompileOptions(8, CTX_LEN, full_batch_size=4),
            {},
        ),
        (ExportSpec(CTX_LEN), CompileOptions(1, CTX_LEN), {"tie_word_embeddings": True}),
    ],
    ids=["continuous batching", "compute context lengths", "sampling", "tied embeddings"],
)
def test_a_right_graph_has_no_problem(
    tmp_path: Path, spec: ExportSpec, options: CompileOptions, settings: dict[str, object]
) -> None:
    assert problems(toy_candidate(tmp_path, spec, options, **settings)) == {}


def test_a_right_graph_has_every_check_run(candidate: Candidate) -> None:
    found = preflight(candidate)
    assert found.passed and str(found) == "" and found.remarks == ()
    assert len(found.results) == 10
    found.refuse_problems()


def test_an_unknown_operator_is_named_with_its_module(edited: Edited) -> None:
    assert problems(edited(before_logits("logits = Celu(raw)"))) == {
        "known operators": "No known export for Cloud AI 100 has the operator of "
        "Celu (/decoder/lm_head/Celu_added_0, in lm_head)."
    }


def test_an_unknown_operator_inside_a_function_is_named_with_the_function(edited: Edited) -> None:
    def edit(model: onnx.ModelProto) -> None:
        body = next(function for function in model.functions if function.name == "CtxScatter")
        body.node[-1].output[0] = "written"
        body.node.append(onnx.helper.make_node("CastLike", ["written", "data"], [body.output[0]], name="cast"))

    (text,) = problems(edited(edit)).values()
    assert text.endswith("CastLike (cast, in the model's outermost scope), inside the function CtxScatter.")


def test_a_size_that_depends_on_a_value_is_unknown_in_every_program(edited: Edited) -> None:
    edit = before_logits(
        "zero = Constant <value_int = 0> ()",
        "one = Constant <value_int = 1> ()",
        "last = ReduceMax <keepdims = 0> (position_ids)",
        "count = Add(last, one)",
        "seen = Range(zero, count, one)",
        "most = ReduceMax <keepdims = 0> (seen)",
        "number = Cast <to = 1> (most)",
        "logits = Add(raw, number)",
    )
    (text,) = problems(edited(edit)).values()
    prefill, decode = text.splitlines()
    assert prefill.startswith("Prefill: seen has the shape ")
    assert prefill.endswith(
        "it is made by Range (/decoder/lm_head/Range_added_4, in lm_head), and is the first of 1 tensors with a "
        "dimension that is no number."
    )
    assert decode.startswith("Decode: seen has the shape ")


def renamed_input(graph: onnx.GraphProto) -> None:
    graph.input[2].name = "past_keys.0"
    for node in graph.node:
        node.input[:] = ["past_keys.0" if name == "past_key.0" else name for name in node.input]


def last_output_second(graph: onnx.GraphProto) -> None:
    outputs = list(graph.output)
    del graph.output[:]
    graph.output.extend([outputs[0], outputs[-1], *outputs[1:-1]])


def lost_output(graph: onnx.GraphProto) -> None:
    graph.output.pop()


def typed(values: str, index: int, dtype: int) -> Callable[[onnx.GraphProto], None]:
    def edit(graph: onnx.GraphProto) -> None:
        getattr(graph, values)[index].type.tensor_type.elem_type = dtype

    return edit


def symbol(values: str, index: int, axis: int, name: str) -> Callable[[onnx.GraphProto], None]:
    def edit(graph: onnx.GraphProto) -> None:
        getattr(graph, values)[index].type.tensor_type.shape.dim[axis].dim_param = name

    return edit


@pytest.mark.parametrize(
    ("edit", "named"),
    [
        (renamed_input, "number 2 is past_keys.0 and should be past_key.0"),
        (last_output_second, "number 1 is past_value.1_RetainedState and should be past_key.0_RetainedState"),
        (lost_output, "number 4 is nothing and should be past_value.1_RetainedState"),
        (typed("input", 1, onnx.TensorProto.INT32), "position_ids is INT32 and should be INT64"),
        (
            typed("output", 1, onnx.TensorProto.FLOAT16),
            "past_key.0 is FLOAT and its retained output FLOAT16; both should be the same",
        ),
        (symbol("input", 0, 1, "length"), "Axis 1 of input_ids is length and should be seq_len"),
        (symbol("output", 0, 2, "vocab"), "Axis 2 of logits is vocab and should be a number"),
    ],
    ids=["input name", "output order", "lost output", "index type", "cache type", "axis name", "no number"],
)
def test_an_interface_that_is_not_the_contract_s(
    edited: Edited, edit: Callable[[onnx.GraphProto], None], named: str
) -> None:
    broken = edited(lambda model: edit(model.graph))
    assert named in said(interface.CHECK, broken)
    found = preflight(broken)
    assert [result.check for result in found.results] == ["interface"], "nothing else can be said of such a graph"


def test_a_retained_output_of_another_size_than_its_input(edited: Edited) -> None:
    def edit(model: onnx.ModelProto) -> None:
        name = "past_key.0_RetainedState"
        for node in model.graph.node:
            node.output[:] = ["written" if output == name else output for output in node.output]
            node.input[:] = ["written" if each == name else each for each in node.input]
        model.graph.node.append(onnx.helper.make_node("Concat", ["written", "written"], [name], axis=2))

    assert problems(edited(edit)) == {
        "interface": "Prefill: past_key.0 has the shape [2,2,24,16] and its retained output [2,2,48,16]; they must be "
        "equal.\nDecode: past_key.0 has the shape [2,2,24,16] and its retained output [2,2,48,16]; they must be equal."
    }


def test_programs_give_numbers_to_the_axes_and_to_nothing_else(candidate: Candidate) -> None:
    prefill, decode = candidate.programs
    more = Specialization("Prefill", prefill.symbols | {"comp_ctx_lengths": 8})
    assert problems(replace(candidate, programs=(more, decode))) == {
        "specialized axes": "Prefill: axes of the graph without a number: none; numbers without an axis: "
        "comp_ctx_lengths."
    }
    less = Specialization("Decode", {"batch_size": 2, "ctx_len": CTX_LEN})
    assert "Decode: axes of the graph without a number: seq_len;" in said(
        specialized_axes.CHECK, replace(candidate, programs=(prefill, less))
    )


def test_a_large_constant_is_named_with_its_module(edited: Edited) -> None:
    numbers = ", ".join(["0.5"] * 600)
    edit = before_logits(
        f"mask = Constant <value_floats = [{numbers}]> ()", "most = ReduceMax(mask)", "logits = Add(raw, most)"
    )
    assert problems(edited(edit)) == {
        "constants": "Constant (/decoder/lm_head/Constant_added_0, in lm_head) is a constant of 600 (FLOAT) that is "
        "no weight of the model."
    }


def test_a_large_initializer_that_is_no_weight(edited: Edited) -> None:
    def edit(model: onnx.ModelProto) -> None:
        before_logits("most = ReduceMax(mask)", "logits = Add(raw, most)")(model)
        mask = np.arange(700, dtype=np.float32)
        model.graph.initializer.append(numpy_helper.from_array(mask, "mask"))

    assert problems(edited(edit)) == {
        "constants": "mask, read by ReduceMax (/decoder/lm_head/ReduceMax_added_0, in lm_head) is a constant of 700 "
        "(FLOAT) that is no weight of the model."
    }


def weight(model: onnx.ModelProto, name: str) -> np.ndarray:
    return numpy_helper.to_array(next(tensor for tensor in model.graph.initializer if tensor.name == name))


def put_weight(model: onnx.ModelProto, name: str, array: np.ndarray) -> None:
    tensor = next(tensor for tensor in model.graph.initializer if tensor.name == name)
    tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(array), name))


@pytest.mark.parametrize(
    ("name", "source", "transposed", "text"),
    [
        ("lm_head.weight", "model.embed_tokens.weight", True, "lm_head.weight is the transpose of model.embed_tokens"),
        (
            "model.rotary_emb.sin_cached",
            "model.rotary_emb.cos_cached",
            False,
            "sin_cached equals model.rotary_emb.cos",
        ),
    ],
    ids=["a folded transpose of a tied weight", "a rotary table"],
)
def test_a_weight_that_is_stored_twice(edited: Edited, name: str, source: str, transposed: bool, text: str) -> None:
    def edit(model: onnx.ModelProto) -> None:
        array = weight(model, source)
        put_weight(model, name, array.T if transposed else array)

    found = problems(edited(edit))
    assert list(found) == ["weights once"]
    assert text in found["weights once"] and "and both are stored: 0.0 MiB more" in found["weights once"]


def test_weights_that_are_alike_and_not_equal(edited: Edited) -> None:
    """As large, with the same least and largest number."""

    def edit(model: onnx.ModelProto) -> None:
        array = weight(model, "model.layers.0.self_attn.k_proj.weight")
        put_weight(model, "model.layers.1.self_attn.k_proj.weight", array[::-1])

    assert problems(edited(edit)) == {}


def test_a_weight_beyond_float16(edited: Edited) -> None:
    def edit(model: onnx.ModelProto) -> None:
        array = weight(model, "model.embed_tokens.weight").copy()
        array[0, :2] = 1e5, np.inf  # no prompt has token 0
        put_weight(model, "model.embed_tokens.weight", array)

    assert problems(edited(edit)) == {
        "float16 weights": "model.embed_tokens.weight has 2 of 6464 numbers beyond 65504, up to inf; in float16 they "
        "are infinite."
    }


def test_weights_that_vanish_in_float16_are_a_remark(edited: Edited) -> None:
    def edit(model: onnx.ModelProto) -> None:
        array = weight(model, "model.embed_tokens.weight").copy()
        array[0, :3] = 1e-9, 0.0, -1e-8
        put_weight(model, "model.embed_tokens.weight", array)

    found = preflight(edited(edit))
    assert found.passed
    assert found.remarks == (
        "float16 weights: 2 weights that are not zero become zero in float16, 2 of them in model.embed_tokens.weight.",
    )


def test_an_activation_beyond_float16_is_named(edited: Edited) -> None:
    edit = before_logits(
        "much = Constant <value_float = 1e9> ()", "large = Mul(raw, much)", "logits = Div(large, much)"
    )
    found = problems(edited(edit))
    assert list(found) == ["float16 activations"]
    constant, product = found["float16 activations"].split(", large (")
    assert constant.startswith("Beyond 65504, float16's largest number, on a sample: much (1e+09, made by Constant (")
    assert product.endswith(", made by Mul (/decoder/lm_head/Mul_added_1, in lm_head)).")


def test_a_graph_in_float16(tmp_path: Path) -> None:
    """Its masked scores are minus infinity, and what is too large for it plus infinity."""
    options, spec = CompileOptions(8, CTX_LEN), ExportSpec(CTX_LEN)
    programs = tuple(specializations(options))
    found = {}
    for factor in (1, 3000):
        model: Any = convert(qeff_llama(upstream_llama()), torch.float16)
        for projection in (model.model.layers[0].mlp.up_proj, model.model.layers[0].mlp.gate_proj):
            projection.weight.data.mul_(factor)
        path = export_onnx(model, tmp_path / f"times_{factor}.onnx", spec)
        found[factor] = problems(candidate_of(model, path, spec, programs, PROMPTS))
    assert found[1] == {}
    assert list(found[3000]) == ["float16 activations"]
    assert "(inf, made by " in found[3000]["float16 activations"]
    assert ", in model.layers.0.mlp" in found[3000]["float16 activations"]


def test_a_graph_with_functions_for_layers(tmp_path: Path) -> None:
    """What a layer of a speculation's target computes is watched too, and an activation there is named."""
    model, spec = tiny_generated("llama"), replace(CONTINUOUS, use_onnx_subfunctions=True, is_tlm=True)
    path = export_onnx(model, tmp_path / "model.onnx", spec)
    programs = tuple(specializations(CompileOptions(8, CTX_LEN, full_batch_size=4, num_speculative_tokens=3)))
    right = candidate_of(model, path, spec, programs, PROMPTS)
    assert problems(right) == {}

    def edit(graph_model: onnx.ModelProto) -> None:
        layer = next(function for function in graph_model.functions if function.name == "QEffLlamaDecoderLayer")
        last = layer.node[-1].output[0]
        layer.node[-1].output[0] = "before"
        layer.node.append(onnx.helper.make_node("Constant", [], ["much"], value_float=1e9))
        layer.node.append(onnx.helper.make_node("Mul", ["before", "much"], ["large"]))
        layer.node.append(onnx.helper.make_node("Div", ["large", "much"], [last]))

    assert list(problems(edited_candidate(right, edit, tmp_path))) == ["float16 activations"]


def said(check: Check[Candidate], candidate: Candidate) -> str:
    return "\n".join(finding.what for finding in check.findings(candidate))
